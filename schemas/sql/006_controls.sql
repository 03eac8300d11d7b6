-- What a person does with a run: retries, pauses, its history.

-- Which records the run's present pass takes: load and replay all of the journal; retry those that have failed; resync those
-- that were skipped too. held: a person has paused it, and it goes on when a person says so.
ALTER TABLE run ADD COLUMN pass_kind text NOT NULL DEFAULT 'load'
		CHECK (pass_kind IN ('load', 'replay', 'retry', 'resync', 'rollback')),
	ADD COLUMN held boolean NOT NULL DEFAULT false;
-- Records that the present pass takes; NULL: all of the journal.
ALTER TABLE run_object ADD COLUMN pass_records bigint,
	-- the sizes and ways that it went by
	ADD COLUMN batch_size integer, ADD COLUMN lanes integer, ADD COLUMN read_bulk boolean, ADD COLUMN load_bulk boolean;

-- The batches that a retry takes again, and of each lane, last, where its journal ended when the retry began: what lies behind
-- that belongs to the retry.
CREATE TABLE retake (
	run text NOT NULL REFERENCES run (id) ON DELETE CASCADE,
	pass integer NOT NULL,
	lane integer NOT NULL,
	at_offset bigint NOT NULL,
	PRIMARY KEY (run, pass, lane, at_offset)
);

-- resolved_pass: a later pass brought the record in, or tried again and says itself what became of it.
CREATE INDEX failure_place ON failure (run, lane, at_offset) WHERE resolved_pass IS NULL;
