-- Budgets, and what was spent of them. Only added: an older program charges
-- nothing, and what it let run is charged when a newer one goes on.

CREATE TABLE budget (
  name       TEXT PRIMARY KEY,
  version    INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  body       TEXT                 -- forescale.Budget; NULL: deleted, and its versions are not given out again
) STRICT, WITHOUT ROWID;

-- How far the charging of each zone has come. The month never falls.
CREATE TABLE meter (
  zone  TEXT PRIMARY KEY,
  month INTEGER NOT NULL,         -- since the year 0
  at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What is settled, in millionths.
CREATE TABLE spent (
  zone    TEXT    NOT NULL,
  month   INTEGER NOT NULL,
  service TEXT    NOT NULL,
  amount  INTEGER NOT NULL,
  PRIMARY KEY (zone, month, service)
) STRICT, WITHOUT ROWID;

-- What each instance was charged. It stays as long as the instance's row, so that
-- one that is found again is not charged twice.
CREATE TABLE bill (
  zone       TEXT    NOT NULL,
  instance   TEXT    NOT NULL,
  service    TEXT    NOT NULL,
  price      INTEGER NOT NULL,    -- of an hour, in millionths
  step       INTEGER NOT NULL,    -- nanoseconds
  ordered_at INTEGER NOT NULL,
  extra      INTEGER NOT NULL,    -- nanoseconds that the clock does not show
  paid       INTEGER NOT NULL,    -- nanoseconds of its life that are in spent
  open       INTEGER NOT NULL,
  PRIMARY KEY (zone, instance)
) STRICT, WITHOUT ROWID;

CREATE INDEX bill_open ON bill (open) WHERE open = 1;
