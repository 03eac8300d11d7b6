-- Ingest jobs of a lane are closed only after this says so, under the lane's lease: what is not named here has never run.
ALTER TABLE lane ADD COLUMN closed_insert text, ADD COLUMN closed_update text,
	ADD COLUMN closed_first bigint; -- offset of the first batch in them

-- Something of the batch was sent or recorded before its rows went into the jobs that it names.
ALTER TABLE batch ADD COLUMN begun boolean NOT NULL DEFAULT false;
