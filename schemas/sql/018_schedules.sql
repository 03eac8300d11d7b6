-- What comes by the clock, orgs without credentials, tokens with single rights, what a run went through.

-- Work at the times of a cron expression (UTC): a run of a template between two orgs, or the clean-up of a table.
CREATE TABLE schedule (
	name text PRIMARY KEY,
	cron text NOT NULL,
	template text, -- of a run, with source and target: names, looked up when it fires
	source text,
	target text,
	cleans text, -- of a clean-up
	paused boolean NOT NULL DEFAULT false,
	next_at timestamptz, -- it is due; NULL: paused
	created_by text NOT NULL DEFAULT '',
	created_at timestamptz NOT NULL DEFAULT now(),
	CHECK (CASE WHEN cleans IS NULL THEN num_nonnulls(template, source, target) = 3
		ELSE num_nonnulls(template, source, target) = 0 END)
);

-- What came of each due time, once: written in the transaction that does the work. A clean-up goes part by part ('cleaning')
-- and stays due until the last one.
CREATE TABLE firing (
	id bigserial PRIMARY KEY,
	schedule text NOT NULL REFERENCES schedule (name) ON DELETE CASCADE,
	due_at timestamptz NOT NULL,
	fired_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	result text NOT NULL CHECK (result IN ('started', 'skipped', 'refused', 'cleaning', 'cleaned')),
	run text, -- no reference: runs go
	note text, -- why it was skipped or refused
	removed bigint NOT NULL DEFAULT 0, -- rows
	UNIQUE (schedule, due_at)
);
CREATE INDEX firing_last ON firing (schedule, id);
CREATE INDEX firing_run ON firing (run);
CREATE INDEX audit_at ON audit (at); -- what is old is looked for part by part

INSERT INTO schedule (name, cron, cleans, next_at)
SELECT 'clean-' || what, '0 ' || hour || ' * * *', what,
	(date_trunc('day', now() AT TIME ZONE 'UTC') + (24 + hour) * interval '1 hour') AT TIME ZONE 'UTC'
FROM (VALUES ('audit', 2), ('firings', 3), ('tokens', 3), ('runs', 4)) AS row (what, hour);

-- A revoked token is kept a while: who it was stands in the audit by its name alone.
ALTER TABLE token ADD COLUMN revoked_at timestamptz,
	ADD COLUMN last_used_at timestamptz, -- by the minute
	ADD COLUMN rights text; -- names with commas, of an operator's; NULL: all of the role

-- No credentials are kept (secrets is empty), the org's runs are.
ALTER TABLE org ADD COLUMN disconnected_at timestamptz, ADD COLUMN instance_name text;

-- What a run went through, told where its row changes, whoever changes it and in the same transaction. It goes with its run and
-- with nothing else. The same sentence comes once a minute at most.
CREATE TABLE run_event (
	id bigserial PRIMARY KEY,
	run text NOT NULL REFERENCES run (id) ON DELETE CASCADE,
	at timestamptz NOT NULL DEFAULT clock_timestamp(),
	level text NOT NULL CHECK (level IN ('error', 'warn', 'info')),
	event text NOT NULL, -- created, state, problem, pass, stage, abort, automation
	message text NOT NULL
);
CREATE INDEX run_event_run ON run_event (run, id);

CREATE FUNCTION run_tell(told text, told_level text, told_event text, told_message text) RETURNS void LANGUAGE sql AS $$
	INSERT INTO run_event (run, level, event, message)
	SELECT told, told_level, told_event, told_message
	WHERE NOT EXISTS (SELECT 1 FROM run_event WHERE run = told AND message = told_message AND event = 'problem'
		AND at > clock_timestamp() - interval '1 minute')
$$;

CREATE FUNCTION run_created() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM run_tell(NEW.id, 'info', 'created', format('made of template %s, from %s to %s, by %s', NEW.template, NEW.source,
		NEW.target, NEW.created_by));
	RETURN NULL;
END $$;

CREATE FUNCTION run_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	failed boolean := NEW.state = 'Synced' AND EXISTS (SELECT 1 FROM failure WHERE run = NEW.id AND kind <> 'notice'
		AND resolved_pass IS NULL);
BEGIN
	IF NEW.pass <> OLD.pass THEN
		PERFORM run_tell(NEW.id, 'info', 'pass', format('pass %s: %s', NEW.pass, NEW.pass_kind));
	END IF;
	IF NEW.state <> OLD.state THEN
		PERFORM run_tell(NEW.id, CASE WHEN NEW.state IN ('Aborted', 'Not Started') AND NEW.problem IS NOT NULL THEN 'error'
			WHEN NEW.state IN ('Aborted', 'Paused') OR failed THEN 'warn' ELSE 'info' END, 'state',
			NEW.state || CASE WHEN failed THEN ', with failures' ELSE '' END || coalesce(': ' || NEW.problem, ''));
	ELSIF NEW.problem IS DISTINCT FROM OLD.problem AND NEW.problem IS NOT NULL THEN
		PERFORM run_tell(NEW.id, 'warn', 'problem', NEW.problem);
	END IF;
	IF NEW.wanted = 'abort' AND OLD.wanted IS DISTINCT FROM 'abort' THEN
		PERFORM run_tell(NEW.id, 'info', 'abort', 'an abort was asked for');
	END IF;
	IF NEW.open_stage <> OLD.open_stage AND NEW.open_stage > 0 THEN
		PERFORM run_tell(NEW.id, 'info', 'stage', format('stage %s is open', NEW.open_stage));
	END IF;
	IF NEW.automation IS DISTINCT FROM OLD.automation AND NEW.automation IS NOT NULL THEN
		PERFORM run_tell(NEW.id, CASE NEW.automation WHEN 'left' THEN 'warn' ELSE 'info' END, 'automation',
			'automation of the target: ' || CASE NEW.automation WHEN 'off' THEN 'off for the run' WHEN 'restore' THEN 'on its way back on'
			WHEN 'on' THEN 'on again' ELSE 'some is left off' END || coalesce(': ' || nullif(NEW.automation_note, ''), ''));
	END IF;
	RETURN NULL;
END $$;

CREATE TRIGGER run_created AFTER INSERT ON run FOR EACH ROW EXECUTE FUNCTION run_created();
CREATE TRIGGER run_changed AFTER UPDATE OF state, problem, pass, wanted, open_stage, automation ON run FOR EACH ROW
	WHEN (ROW (OLD.state, OLD.problem, OLD.pass, OLD.wanted, OLD.open_stage, OLD.automation)
		IS DISTINCT FROM ROW (NEW.state, NEW.problem, NEW.pass, NEW.wanted, NEW.open_stage, NEW.automation))
	EXECUTE FUNCTION run_changed();
