-- Demand by the hour: the level that outlives the minutes.

CREATE TABLE hours (
  line      INTEGER NOT NULL,
  hour      INTEGER NOT NULL,     -- hours since 1970
  mean      REAL    NOT NULL,
  least     REAL    NOT NULL,
  most      REAL    NOT NULL,
  points    INTEGER NOT NULL,
  saturated INTEGER NOT NULL,     -- points that are censored
  PRIMARY KEY (line, hour)
) STRICT, WITHOUT ROWID;

-- Hours of which minutes changed since they were rolled up. Until then they are
-- worked out when they are read.
CREATE TABLE hours_due (
  line INTEGER NOT NULL,
  hour INTEGER NOT NULL,
  PRIMARY KEY (line, hour)
) STRICT, WITHOUT ROWID;

INSERT INTO hours_due SELECT DISTINCT line, minute / 60 FROM demand WHERE minute >= 0;

-- Hours before this one are final.
INSERT INTO meta VALUES ('hours_final', '-1000000');
