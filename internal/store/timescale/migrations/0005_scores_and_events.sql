-- How issued forecasts did. Only sums are kept: rows are bounded by services,
-- days, lead times and the few models that a service has in a day.

CREATE TABLE tally (
  line       bigint           NOT NULL REFERENCES line,
  day        bigint           NOT NULL,  -- days since 1970, in UTC
  lead       bigint           NOT NULL,  -- nanoseconds, the far end of a range
  model      text COLLATE "C" NOT NULL,
  steps      bigint           NOT NULL,
  inside     bigint           NOT NULL,
  loss       double precision NOT NULL,
  error      double precision NOT NULL,
  truth      double precision NOT NULL,
  compared   bigint           NOT NULL,
  their_miss double precision NOT NULL,
  last_week  double precision NOT NULL,
  PRIMARY KEY (line, day, lead, model)
) WITH (fillfactor = 70);

-- How far each line is scored, and how far it has drifted.
CREATE TABLE track (
  line  bigint      PRIMARY KEY REFERENCES line,
  until timestamptz NOT NULL,
  drift json        NOT NULL
) WITH (fillfactor = 70);

-- What the newest forecast of each line was mixed from. Not a column of forecast:
-- it is longer than half of what is there, and only the newest is asked for.
CREATE TABLE choice (
  line   bigint      PRIMARY KEY REFERENCES line,
  issued timestamptz NOT NULL,
  body   json        NOT NULL
) WITH (fillfactor = 70);

-- Stretches of time that are unlike others.
CREATE TABLE event (
  name      text COLLATE "C"  PRIMARY KEY,
  service   text COLLATE "C"  NOT NULL,  -- '' is all
  begins    timestamptz       NOT NULL,
  until     timestamptz       NOT NULL,
  factor    double precision  NOT NULL,
  leave_out boolean           NOT NULL,
  origin    text COLLATE "C"  NOT NULL
);
