-- Records that wait for a parent (missingParents: wait), a row a lookup. They outlive their runs: the next run of the template
-- between the same orgs reads them by their ids, whatever its filter selects.

CREATE TABLE waiting (
	seq bigserial,
	pair integer NOT NULL REFERENCES org_pair (id),
	template text NOT NULL,
	object text NOT NULL, -- in the source
	target text NOT NULL, -- object in the target
	source_id text NOT NULL, -- 18 characters
	field text NOT NULL, -- in the source
	parent_id text NOT NULL,
	parent_object text, -- NULL: none of the template's
	run text NOT NULL, -- the last one that could not do it, and where the record lies in its journal; it may be deleted since
	lane integer NOT NULL,
	at_offset bigint NOT NULL,
	row_index integer NOT NULL,
	since timestamptz NOT NULL DEFAULT clock_timestamp(),
	tried_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	in_run text, -- the run that has settled it; NULL: it waits. A rollback of that run makes it wait again
	PRIMARY KEY (pair, source_id, target, template, field)
);
CREATE INDEX waiting_now ON waiting (pair, template, seq) WHERE in_run IS NULL;
CREATE INDEX waiting_in ON waiting (in_run) WHERE in_run IS NOT NULL;

-- Of records that were read by their ids because they wait: the object that they are records of; their match keys count with its.
ALTER TABLE run_object ADD COLUMN waiting_of integer;
