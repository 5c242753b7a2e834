-- What one instance serves, from a time on. Only added: an older program counts with
-- what is declared.

CREATE TABLE capacity (
  service text COLLATE "C" NOT NULL,
  since   timestamptz      NOT NULL,
  at      timestamptz      NOT NULL, -- when it was looked at last
  body    json             NOT NULL, -- forescale.Capacity
  PRIMARY KEY (service, since)
);

-- The loop asks every few seconds for what is new.
CREATE INDEX capacity_at ON capacity (at);
