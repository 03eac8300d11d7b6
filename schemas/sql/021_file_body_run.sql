-- What is known of a file's body goes with the last run that has looked at it: a run deletes what no later one has asked for.
ALTER TABLE file_body ADD COLUMN run text REFERENCES run (id) ON DELETE CASCADE;
UPDATE file_body f SET run = (SELECT id FROM run r WHERE r.pair = f.pair ORDER BY created_at DESC LIMIT 1);
DELETE FROM file_body WHERE run IS NULL;
ALTER TABLE file_body ALTER COLUMN run SET NOT NULL;
CREATE INDEX file_body_run ON file_body (run);
