-- What runs tell of themselves. Only added: an older program writes rows without.

ALTER TABLE run ADD COLUMN server  TEXT    NOT NULL DEFAULT '';
ALTER TABLE run ADD COLUMN due_at  INTEGER;                     -- NULL: asked for by hand
ALTER TABLE run ADD COLUMN state   TEXT    NOT NULL DEFAULT ''; -- '': see ended_at and error
ALTER TABLE run ADD COLUMN attempt INTEGER NOT NULL DEFAULT 0;

CREATE INDEX run_kind ON run (kind, started_at DESC, id DESC);
