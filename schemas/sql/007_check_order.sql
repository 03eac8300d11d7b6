-- What the last check of a run found: its report (JSON), NULL before the first.
ALTER TABLE run ADD COLUMN findings text;

-- Orders that a user has given: each save is a version of its own; NULL: back to the computed one.
CREATE TABLE run_order (
	run text NOT NULL REFERENCES run (id) ON DELETE CASCADE,
	version integer NOT NULL,
	objects text, -- JSON: names in the order wanted
	created_by text NOT NULL,
	created_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (run, version)
);
-- The version that the run's plan was made with; behind the newest one while it is recalculated.
ALTER TABLE run ADD COLUMN order_version integer NOT NULL DEFAULT 0;
