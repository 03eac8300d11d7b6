-- The truth about runs. What grows with records is kept a row a batch; failures a row a record.

CREATE TABLE token (
	id text PRIMARY KEY,
	name text NOT NULL,
	role text NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
	hash bytea NOT NULL UNIQUE, -- SHA-256 of the token; the token itself is never kept
	created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE audit (
	id bigserial PRIMARY KEY,
	at timestamptz NOT NULL DEFAULT now(),
	token text NOT NULL, -- name of the token that acted
	action text NOT NULL, -- 'org.add', 'run.start' ...
	subject text NOT NULL
);

CREATE TABLE org (
	name text PRIMARY KEY,
	org_id text, -- 18 characters; known after the first login
	display_name text,
	organization_type text,
	is_sandbox boolean,
	instance_url text NOT NULL,
	login_url text,
	auth text NOT NULL,
	client_id text,
	username text,
	secrets bytea NOT NULL, -- sealed with the secret key, context 'org:' || name
	created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE template (
	name text PRIMARY KEY,
	version integer NOT NULL DEFAULT 1,
	body text NOT NULL, -- as it was applied
	doc text NOT NULL, -- JSON, checked, defaults filled in
	updated_at timestamptz NOT NULL DEFAULT now()
);

-- Every live program: leases of lanes and runs die with its heartbeat.
CREATE TABLE process (
	id text PRIMARY KEY,
	kind text NOT NULL CHECK (kind IN ('coordinator', 'worker')),
	host text NOT NULL,
	pid integer NOT NULL,
	draining boolean NOT NULL DEFAULT false,
	started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	heartbeat_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);

-- One number that every program looks at five times a second: it moves, in the same transaction, with whatever
-- others must notice (states, open stages, passes).
CREATE TABLE world (
	one boolean PRIMARY KEY DEFAULT true CHECK (one),
	version bigint NOT NULL DEFAULT 1
) WITH (fillfactor = 50);
INSERT INTO world DEFAULT VALUES;

CREATE TABLE run (
	id text PRIMARY KEY,
	name text,
	template text NOT NULL,
	doc text NOT NULL, -- the template as it was when the run was created
	source text NOT NULL REFERENCES org (name),
	target text NOT NULL REFERENCES org (name),
	state text NOT NULL DEFAULT 'Not Started' CHECK (state IN ('Not Started', 'Scan In Progress', 'Scanned',
		'Sync In Progress', 'Paused', 'Synced', 'Rollback', 'Rollback Started', 'Rollback Completed', 'Aborted',
		'Deleted')),
	phase text NOT NULL DEFAULT 'Initializing' CHECK (phase IN ('Initializing', 'Executing', 'Completed', 'Aborted')),
	wanted text CHECK (wanted IN ('start', 'abort')), -- what a user asked for and the owner has still to do
	problem text, -- one sentence: why it waits or why it ended
	spec text, -- JSON: the frozen plan (osy/spec.h)
	scan text, -- JSON: the scan's report
	pair integer,
	pass integer NOT NULL DEFAULT 1,
	open_stage integer NOT NULL DEFAULT 0, -- 0: none; stages count from 1; the link stage is the last
	published boolean NOT NULL DEFAULT false, -- everything read is in the journal
	owner text, -- lease of a coordinator (process.id)
	epoch bigint NOT NULL DEFAULT 0,
	source_calls bigint NOT NULL DEFAULT 0,
	target_calls bigint NOT NULL DEFAULT 0,
	created_by text NOT NULL DEFAULT '',
	created_at timestamptz NOT NULL DEFAULT now(),
	started_at timestamptz,
	ended_at timestamptz
) WITH (fillfactor = 70);
CREATE INDEX run_created ON run (created_at);

-- One row an object of the spec (its index). A display of what the journal holds; the truth is in the checkpoints.
CREATE TABLE run_object (
	run text NOT NULL REFERENCES run (id) ON DELETE CASCADE,
	object integer NOT NULL,
	name text NOT NULL,
	target_name text NOT NULL,
	stage integer NOT NULL,
	selected bigint NOT NULL DEFAULT 0, -- what the scan counted
	published bigint NOT NULL DEFAULT 0, -- records in the journal
	complete boolean NOT NULL DEFAULT false, -- no more will come
	PRIMARY KEY (run, object)
) WITH (fillfactor = 50);

CREATE TABLE lane (
	run text NOT NULL REFERENCES run (id) ON DELETE CASCADE,
	pass integer NOT NULL,
	lane integer NOT NULL, -- partition of the run's topic
	owner text, -- lease of a worker (process.id)
	epoch bigint NOT NULL DEFAULT 0, -- the next one with each owner
	position bigint NOT NULL DEFAULT 0, -- offset of the next batch to take
	PRIMARY KEY (run, pass, lane)
) WITH (fillfactor = 50);

-- A batch that was taken. 'intent': something may have been sent; 'doubt': a reply was lost; 'aside': in doubt, the lane
-- has gone on; 'done': every record has its outcome.
CREATE TABLE batch (
	run text NOT NULL REFERENCES run (id) ON DELETE CASCADE,
	pass integer NOT NULL,
	lane integer NOT NULL,
	at_offset bigint NOT NULL,
	object integer NOT NULL, -- index in the spec
	stage integer NOT NULL,
	links boolean NOT NULL DEFAULT false,
	records integer NOT NULL,
	smallest text, -- source ids, 15 characters: where to look for a record
	largest text,
	state text NOT NULL CHECK (state IN ('intent', 'doubt', 'aside', 'done')),
	keyless boolean NOT NULL DEFAULT false, -- holds inserts that no unique key can find again
	attempts integer NOT NULL DEFAULT 1, -- how often it was taken up without an end
	epoch bigint NOT NULL,
	intent bytea, -- packed (osy/intent.h): what is done with each row, its claim, its collection
	snapshot bytea, -- packed: values of the target before, written fields only
	outcome bytea, -- packed: outcome and target id of each row, as far as known
	-- this pass's counts
	inserted integer NOT NULL DEFAULT 0,
	updated integer NOT NULL DEFAULT 0,
	existing integer NOT NULL DEFAULT 0,
	skipped integer NOT NULL DEFAULT 0,
	failed integer NOT NULL DEFAULT 0,
	-- how it moves the run's totals (pass 1: the same; later passes: improvements only)
	d_inserted integer NOT NULL DEFAULT 0,
	d_updated integer NOT NULL DEFAULT 0,
	d_existing integer NOT NULL DEFAULT 0,
	d_skipped integer NOT NULL DEFAULT 0,
	d_failed integer NOT NULL DEFAULT 0,
	org_ms bigint, -- the org's clock, at the earliest, just before the first attempt was sent (wall ms)
	sent_at timestamptz, -- last send
	due_at timestamptz, -- when one set aside is looked at again
	PRIMARY KEY (run, pass, lane, at_offset)
);
CREATE INDEX batch_unsettled ON batch (run, object) WHERE state <> 'done';

CREATE TABLE failure (
	run text NOT NULL REFERENCES run (id) ON DELETE CASCADE,
	pass integer NOT NULL,
	lane integer NOT NULL,
	at_offset bigint NOT NULL,
	row_index integer NOT NULL,
	kind text NOT NULL DEFAULT 'record' CHECK (kind IN ('record', 'link', 'notice')), -- notice: a lookup left out
	object integer NOT NULL,
	source_id text NOT NULL,
	target_id text,
	code text NOT NULL,
	message text NOT NULL,
	fields text NOT NULL DEFAULT '', -- comma-separated
	attempt integer NOT NULL DEFAULT 1,
	at timestamptz NOT NULL DEFAULT now(),
	resolved_pass integer, -- a later pass brought the record in
	seq bigserial, -- order in which they came, for those who watch
	PRIMARY KEY (run, pass, lane, at_offset, row_index, kind, fields)
);
CREATE INDEX failure_source ON failure (run, source_id);
CREATE INDEX failure_seq ON failure (run, seq);

-- Deferred lookups, a packed row a batch (osy/batch.h: the rows of a link batch); written with the outcomes.
CREATE TABLE deferred (
	id bigserial PRIMARY KEY,
	run text NOT NULL REFERENCES run (id) ON DELETE CASCADE,
	pass integer NOT NULL,
	lane integer NOT NULL,
	object integer NOT NULL,
	records integer NOT NULL,
	payload bytea NOT NULL
);
CREATE INDEX deferred_run ON deferred (run, pass, id);

-- The id map's truth: an append-only log that outlives runs.
CREATE TABLE org_pair (
	id serial PRIMARY KEY,
	source_org_id text NOT NULL,
	target_org_id text NOT NULL,
	generation integer NOT NULL DEFAULT 1, -- moves when buckets change: Redis is filled anew
	UNIQUE (source_org_id, target_org_id)
);

CREATE TABLE idmap (
	pair integer NOT NULL REFERENCES org_pair (id),
	source_prefix text NOT NULL,
	target_prefix text NOT NULL,
	source_object text NOT NULL,
	target_object text NOT NULL,
	buckets integer NOT NULL,
	PRIMARY KEY (pair, source_prefix, target_prefix)
);

CREATE TABLE idmap_log (
	id bigserial PRIMARY KEY,
	pair integer NOT NULL REFERENCES org_pair (id),
	source_prefix text NOT NULL,
	target_prefix text NOT NULL,
	run text, -- who wrote it; no reference: the log outlives runs
	at timestamptz NOT NULL DEFAULT now(),
	smallest text NOT NULL, -- source ids, 15 characters
	largest text NOT NULL,
	tombstone boolean NOT NULL DEFAULT false, -- the mappings are gone
	pairs bytea NOT NULL -- packed source id, packed target id, ...
);
CREATE INDEX idmap_log_pair ON idmap_log (pair, source_prefix, id);
