-- Automation of a target org that a run switches off and on again: a row for each switch, there before anything changes.
CREATE TABLE automation (
	run text NOT NULL REFERENCES run (id) ON DELETE CASCADE,
	pass integer NOT NULL,
	item integer NOT NULL,
	kind text NOT NULL, -- as the template names it: 'validationRules' ...
	id text NOT NULL, -- of its record in the org
	object text NOT NULL,
	name text NOT NULL, -- with its object or namespace, where it has one
	version bigint NOT NULL DEFAULT 0, -- of a flow: the one that was active
	before text NOT NULL, -- exactly what the org told of it
	-- found: recorded, nothing sent; sent: may be off; off; back: as before; theirs: somebody else has changed it since;
	-- gone: deleted since; packaged: cannot be switched; refused: could not be switched off; forgotten: by a user's word
	state text NOT NULL CHECK (state IN ('found', 'sent', 'off', 'back', 'theirs', 'gone', 'packaged', 'refused',
		'forgotten')),
	note text, -- what there is to say of it
	deploy text, -- the deployment that switches it, while it may be under way
	changed_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (run, pass, item)
);
-- off: switches are off, or on their way; restore: to be brought back; on: all are back; left: some could not be brought back.
ALTER TABLE run ADD COLUMN automation text CHECK (automation IN ('off', 'restore', 'on', 'left'));
ALTER TABLE run ADD COLUMN automation_note text; -- what is still off and why
CREATE INDEX run_restores ON run (id) WHERE automation = 'restore';
