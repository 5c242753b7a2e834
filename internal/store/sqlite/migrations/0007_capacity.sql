-- What one instance serves, from a time on. Only added: an older program counts with
-- what is declared.

CREATE TABLE capacity (
  service TEXT    NOT NULL,
  since   INTEGER NOT NULL,
  at      INTEGER NOT NULL, -- when it was looked at last
  body    TEXT    NOT NULL, -- forescale.Capacity
  PRIMARY KEY (service, since)
) STRICT, WITHOUT ROWID;

-- The loop asks every few seconds for what is new.
CREATE INDEX capacity_at ON capacity (at);
