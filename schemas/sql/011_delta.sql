-- How far a template has brought an object from one org to another: records that have changed before `at` are settled.
CREATE TABLE mark (
	source_org_id text NOT NULL,
	target_org_id text NOT NULL,
	template text NOT NULL,
	object text NOT NULL, -- in the source
	leg integer NOT NULL, -- of the template's objects of that name, from 0
	deletes boolean NOT NULL, -- of the object's deletions
	at timestamptz NOT NULL, -- the source org's clock when the reading began
	hash text NOT NULL, -- of what selects and shapes its records: with another one the mark means nothing
	run text NOT NULL, -- that moved it; no reference: marks outlive runs
	PRIMARY KEY (source_org_id, target_org_id, template, object, leg, deletes)
);

ALTER TABLE run ADD COLUMN since timestamptz, -- asked for: instead of the marks
	ADD COLUMN read_at timestamptz; -- the source org's clock just before the first record was read

ALTER TABLE run_object ADD COLUMN leg integer NOT NULL DEFAULT 0,
	ADD COLUMN deletes boolean NOT NULL DEFAULT false, -- records that were deleted in the source
	ADD COLUMN since timestamptz, -- only what has changed since is read; NULL: everything
	ADD COLUMN mark_from timestamptz, -- the mark that this rests on; NULL: none
	ADD COLUMN mark_hash text, -- NULL: the run moves no mark of it
	ADD COLUMN mark_limit bigint, -- the template's limit: reached, more may have been selected
	ADD COLUMN mark_moved boolean NOT NULL DEFAULT false;

-- Records of the target that were deleted because they were in the source. In a pass of a rollback: how many are back.
ALTER TABLE batch ADD COLUMN deleted integer NOT NULL DEFAULT 0,
	ADD COLUMN d_deleted integer NOT NULL DEFAULT 0;
-- Tombstones of such deletes: their targets may be brought back from the recycle bin when the sources are.
ALTER TABLE idmap_log ADD COLUMN deleted boolean NOT NULL DEFAULT false;
CREATE INDEX idmap_log_deleted ON idmap_log (pair, source_prefix, id) WHERE deleted;
