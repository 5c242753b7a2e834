-- How well supply followed need, by service and day. Rows are written anew while
-- the day's minutes come in.

CREATE TABLE elasticity (
  service text COLLATE "C" NOT NULL,
  day     bigint           NOT NULL, -- days since 1970, the date in the service's time zone
  body    json             NOT NULL, -- forescale.Elasticity
  PRIMARY KEY (service, day)
) WITH (fillfactor = 70);
