-- The end of a chunk of ids is looked at without the rest: as it is, in slices.
ALTER TABLE run_ids ALTER COLUMN ids SET STORAGE EXTERNAL;
