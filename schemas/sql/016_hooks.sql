-- Hooks: receivers that hear of points of a run, and each call of one. A call is there before the run goes on from its point (that
-- of the run's end: in the same transaction), and is done when the receiver has answered.
CREATE TABLE hook (
	name text PRIMARY KEY,
	address text NOT NULL, -- scheme, host and port of its URL; the rest of a URL may be a secret
	sealed bytea NOT NULL, -- URL and signing secret, with the secret key, context 'hook:' || name
	created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE hook_call (
	id uuid PRIMARY KEY, -- the same at each attempt: by it the receiver drops doubles
	seq bigserial, -- calls of one run to one hook go in this order
	run text NOT NULL REFERENCES run (id) ON DELETE CASCADE,
	pass integer NOT NULL,
	item integer NOT NULL, -- of the template's hooks, from 1
	at text NOT NULL CHECK (at IN ('beforeRun', 'afterObject', 'afterRun')),
	object text NOT NULL DEFAULT '', -- in the source; empty but for afterObject
	hook text NOT NULL, -- by name: who replaces a hook redirects what is pending
	timeout_ms integer NOT NULL,
	attempts_most integer NOT NULL,
	aborts boolean NOT NULL, -- the run ends when it is not answered
	body text NOT NULL, -- as it is sent: counts, no value of a record
	state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'failed')),
	attempts integer NOT NULL DEFAULT 0,
	status integer, -- of the last answer
	note text, -- why the last attempt was none
	due_at timestamptz NOT NULL DEFAULT clock_timestamp(), -- while one is under way: when that is over, whatever became of it
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	sent_at timestamptz, -- last attempt
	ended_at timestamptz,
	UNIQUE (run, pass, item, object)
);
CREATE INDEX hook_call_pending ON hook_call (run, hook, seq) WHERE state = 'pending';
