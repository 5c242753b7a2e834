-- How well supply followed need, by service and day. Rows are written anew while
-- the day's minutes come in.

CREATE TABLE elasticity (
  service TEXT    NOT NULL,
  day     INTEGER NOT NULL, -- days since 1970, the date in the service's time zone
  body    TEXT    NOT NULL, -- forescale.Elasticity
  PRIMARY KEY (service, day)
) STRICT, WITHOUT ROWID;
