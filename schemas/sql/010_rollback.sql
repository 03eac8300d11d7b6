-- A rollback is a pass of the run over its journal, backwards: passes up to loaded_pass have loaded it, later ones undo. A batch
-- that is undone has a row of that pass: its inserted says how many inserts are undone, updated how many records have their
-- values back, failed how many are left as they are.
ALTER TABLE run ADD COLUMN loaded_pass integer, -- NULL: never rolled back
	ADD COLUMN rollback text; -- JSON: what was asked for, and the plan (coordinator/rollback.h)

ALTER TABLE failure DROP CONSTRAINT failure_kind_check;
ALTER TABLE failure ADD CONSTRAINT failure_kind_check CHECK (kind IN ('record', 'link', 'notice', 'rollback'));
