-- The plan of nodes, and what it is made from. Only added: an older program plans
-- no nodes.

ALTER TABLE node ADD COLUMN managed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE node ADD COLUMN labels TEXT NOT NULL DEFAULT '{}';
ALTER TABLE node ADD COLUMN origin TEXT NOT NULL DEFAULT '';
ALTER TABLE node_type ADD COLUMN labels TEXT NOT NULL DEFAULT '{}';

-- The newest one alone.
CREATE TABLE node_plan (
  one     INTEGER PRIMARY KEY CHECK (one = 1),
  made_at INTEGER NOT NULL,
  body    TEXT    NOT NULL -- forescale.NodePlan
) STRICT;

-- What an instance usually uses on nodes of a type.
CREATE TABLE instance_use (
  service TEXT    NOT NULL,
  type    TEXT    NOT NULL,
  at      INTEGER NOT NULL,
  body    TEXT    NOT NULL, -- forescale.InstanceUse
  PRIMARY KEY (service, type)
) STRICT, WITHOUT ROWID;
