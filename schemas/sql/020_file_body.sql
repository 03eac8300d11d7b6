-- What a file's body was when the target had it last for certain, of objects whose records tell no checksum. A fact about the two
-- orgs, whatever becomes of the run that found it; one about another target than the record has now says nothing.
CREATE TABLE file_body (
	pair integer NOT NULL REFERENCES org_pair (id),
	source text NOT NULL, -- 15 characters
	target text NOT NULL,
	md5 bytea NOT NULL,
	source_changed bigint NOT NULL, -- what the orgs said then of the last change of their record (ms)
	target_changed bigint NOT NULL,
	PRIMARY KEY (pair, source)
);
