-- Agents of nodes, and the tokens by which they join. Only added: an older program
-- knows of no agents.

CREATE TABLE join_token (
  id         text COLLATE "C" PRIMARY KEY,
  node       text        NOT NULL,
  node_order text        NOT NULL,
  hash       bytea       NOT NULL UNIQUE,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  used_at    timestamptz
);

CREATE TABLE agent (
  node text COLLATE "C" PRIMARY KEY,
  body json NOT NULL              -- forescale.Agent
);
