-- How long starts and cool-downs took, and what was learned of it. Only added: an
-- older program writes warm-ups without the node's load.

ALTER TABLE warmup ADD COLUMN node_cpu REAL NOT NULL DEFAULT 0; -- in %; 0: not known

CREATE TABLE cooldown (
  instance TEXT PRIMARY KEY,
  service  TEXT    NOT NULL,
  node     TEXT    NOT NULL,
  image    TEXT    NOT NULL,
  at       INTEGER NOT NULL,
  duration INTEGER NOT NULL,
  at_once  INTEGER NOT NULL,
  node_cpu REAL    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX cooldown_newest ON cooldown (service, at DESC, instance DESC);

CREATE TABLE learned (
  service TEXT    NOT NULL,
  kind    TEXT    NOT NULL,
  at      INTEGER NOT NULL,
  body    TEXT    NOT NULL, -- forescale.LearnedTimes
  PRIMARY KEY (service, kind)
) STRICT, WITHOUT ROWID;

-- The loop asks every few seconds for what is new.
CREATE INDEX learned_at ON learned (at);
