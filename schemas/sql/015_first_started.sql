-- When a run was started for the first time, by this database's clock: runs that were started later have written later. A retry, a
-- replay and the like move started_at alone.
ALTER TABLE run ADD COLUMN first_started_at timestamptz;
UPDATE run SET first_started_at = started_at;
