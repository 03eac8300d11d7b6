-- Objects that are loaded level by level: the scan lists the ids of each level, and a reader reads those of one.
ALTER TABLE run_ids ADD COLUMN level integer NOT NULL DEFAULT 0;
ALTER TABLE run_ids DROP CONSTRAINT run_ids_pkey;
ALTER TABLE run_ids ADD PRIMARY KEY (run, object, level, chunk);
