-- The plan of nodes, and what it is made from. Only added: an older program plans
-- no nodes.

ALTER TABLE node ADD COLUMN managed boolean NOT NULL DEFAULT false;
ALTER TABLE node ADD COLUMN labels json NOT NULL DEFAULT '{}';
ALTER TABLE node ADD COLUMN origin text NOT NULL DEFAULT '';
ALTER TABLE node_type ADD COLUMN labels json NOT NULL DEFAULT '{}';

-- The newest one alone.
CREATE TABLE node_plan (
  one     bigint      PRIMARY KEY CHECK (one = 1),
  made_at timestamptz NOT NULL,
  body    json        NOT NULL -- forescale.NodePlan
);

-- What an instance usually uses on nodes of a type.
CREATE TABLE instance_use (
  service text COLLATE "C" NOT NULL,
  type    text COLLATE "C" NOT NULL,
  at      timestamptz      NOT NULL,
  body    json             NOT NULL, -- forescale.InstanceUse
  PRIMARY KEY (service, type)
);
