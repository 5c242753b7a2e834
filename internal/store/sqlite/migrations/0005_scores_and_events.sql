-- How issued forecasts did. Only sums are kept: rows are bounded by services,
-- days, lead times and the few models that a service has in a day.

CREATE TABLE tally (
  line       INTEGER NOT NULL REFERENCES line,
  day        INTEGER NOT NULL,     -- days since 1970, in UTC
  lead       INTEGER NOT NULL,     -- nanoseconds, the far end of a range
  model      TEXT    NOT NULL,
  steps      INTEGER NOT NULL,
  inside     INTEGER NOT NULL,
  loss       REAL    NOT NULL,
  error      REAL    NOT NULL,
  truth      REAL    NOT NULL,
  compared   INTEGER NOT NULL,
  their_miss REAL    NOT NULL,
  last_week  REAL    NOT NULL,
  PRIMARY KEY (line, day, lead, model)
) STRICT, WITHOUT ROWID;

-- How far each line is scored, and how far it has drifted.
CREATE TABLE track (
  line  INTEGER PRIMARY KEY REFERENCES line,
  until INTEGER NOT NULL,
  drift TEXT    NOT NULL           -- JSON
) STRICT;

-- What the newest forecast of each line was mixed from. Not a column of forecast:
-- it is longer than half of what is there, and only the newest is asked for.
CREATE TABLE choice (
  line   INTEGER PRIMARY KEY REFERENCES line,
  issued INTEGER NOT NULL,
  body   TEXT    NOT NULL          -- JSON
) STRICT;

-- Stretches of time that are unlike others.
CREATE TABLE event (
  name      TEXT    PRIMARY KEY,
  service   TEXT    NOT NULL,      -- '' is all
  begins    INTEGER NOT NULL,
  until     INTEGER NOT NULL,
  factor    REAL    NOT NULL,
  leave_out INTEGER NOT NULL,
  origin    TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
