-- Agents of nodes, and the tokens by which they join. Only added: an older program
-- knows of no agents.

CREATE TABLE join_token (
  id         TEXT PRIMARY KEY,
  node       TEXT    NOT NULL,
  node_order TEXT    NOT NULL,
  hash       BLOB    NOT NULL UNIQUE,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  used_at    INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE agent (
  node TEXT PRIMARY KEY,
  body TEXT NOT NULL              -- forescale.Agent
) STRICT, WITHOUT ROWID;
