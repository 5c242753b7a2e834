-- Nodes that were ordered, and what people wish of nodes. Only added: an older
-- program orders none, and stops none.

CREATE TABLE node_life (
  node       TEXT    PRIMARY KEY,
  ordered_at INTEGER NOT NULL,
  ended      INTEGER,          -- NULL while it may be there
  body       TEXT    NOT NULL  -- forescale.NodeLife
) STRICT, WITHOUT ROWID;

CREATE TABLE node_wish (
  node TEXT    PRIMARY KEY,
  at   INTEGER NOT NULL,
  body TEXT    NOT NULL -- forescale.NodeWish
) STRICT, WITHOUT ROWID;
