-- Demand by the hour: the level that outlives the minutes. With TimescaleDB it
-- holds only what was rolled up before the extension came (see extension/).

CREATE TABLE hours (
  line      bigint           NOT NULL,
  hour      timestamptz      NOT NULL,
  mean      double precision NOT NULL,
  least     double precision NOT NULL,
  most      double precision NOT NULL,
  points    bigint           NOT NULL,
  saturated bigint           NOT NULL,  -- points that are censored
  PRIMARY KEY (line, hour)
);

-- Hours of which minutes changed since they were rolled up. Until then they are
-- worked out when they are read.
CREATE TABLE hours_due (
  line bigint      NOT NULL,
  hour timestamptz NOT NULL,
  PRIMARY KEY (line, hour)
);

INSERT INTO hours_due SELECT DISTINCT line, date_trunc('hour', minute, 'UTC') FROM demand;

-- Hours before hours_final are final. Hours before hours_moved are in the table
-- above, whatever else there is.
INSERT INTO meta VALUES ('hours_final', '-infinity'), ('hours_moved', '-infinity');
