-- What runs tell of themselves. Only added: an older program writes rows without.

ALTER TABLE run
  ADD COLUMN server  text   COLLATE "C" NOT NULL DEFAULT '',
  ADD COLUMN due_at  timestamptz,                            -- NULL: asked for by hand
  ADD COLUMN state   text   COLLATE "C" NOT NULL DEFAULT '', -- '': see ended_at and error
  ADD COLUMN attempt bigint NOT NULL DEFAULT 0;

CREATE INDEX run_kind ON run (kind, started_at DESC, id DESC);
