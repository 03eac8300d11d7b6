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
