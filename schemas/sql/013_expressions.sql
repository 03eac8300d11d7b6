-- What TODAY() and NOW() are for a run: when it was started first, whoever publishes it.
ALTER TABLE run ADD COLUMN expressions_at timestamptz;
