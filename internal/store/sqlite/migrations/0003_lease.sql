-- Who leads: one row. One server uses a file, and its lock keeps others off, so
-- nobody needs this to be safe; it keeps the one contract of all stores.
CREATE TABLE lease (
  one     INTEGER PRIMARY KEY CHECK (one = 1),
  scope   TEXT    NOT NULL,        -- short id of this store
  fence   INTEGER NOT NULL,        -- grows with each take-over
  holder  TEXT    NOT NULL,        -- '' after the holder resigned
  since   INTEGER NOT NULL,        -- of the take-over
  renewed INTEGER NOT NULL,
  until   INTEGER NOT NULL
) STRICT;

INSERT INTO lease VALUES (1, lower(hex(randomblob(5))), 0, '', 0, 0, 0);

-- The fence that a decision was made under, 0 where there was but one server.
ALTER TABLE decision ADD COLUMN fence INTEGER NOT NULL DEFAULT 0;
