-- The ids that a template's limit has selected, frozen before the first of them is published, so that a restart reads the
-- same records again. Sorted, 15 characters each, in chunks.

CREATE TABLE run_ids (
	run text NOT NULL REFERENCES run (id) ON DELETE CASCADE,
	object integer NOT NULL,
	chunk integer NOT NULL,
	ids bytea NOT NULL,
	PRIMARY KEY (run, object, chunk)
);
