-- Nodes that were ordered, and what people wish of nodes. Only added: an older
-- program orders none, and stops none.

CREATE TABLE node_life (
  node       text COLLATE "C" PRIMARY KEY,
  ordered_at timestamptz      NOT NULL,
  ended      timestamptz,              -- NULL while it may be there
  body       json             NOT NULL -- forescale.NodeLife
);

CREATE TABLE node_wish (
  node text COLLATE "C" PRIMARY KEY,
  at   timestamptz      NOT NULL,
  body json             NOT NULL -- forescale.NodeWish
);
