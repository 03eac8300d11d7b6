-- How many stages are in the journal as a whole: a worker waits for more of a lane only while more may come.
ALTER TABLE run ADD COLUMN stages_published integer NOT NULL DEFAULT 0;

-- Ingest jobs that hold rows of a batch whose state is 'intent'; gone when it is recorded.
ALTER TABLE batch ADD COLUMN insert_job text, ADD COLUMN update_job text;
