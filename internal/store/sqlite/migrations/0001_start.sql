-- The memory of forescale, first shape.
--
-- Conventions: every time is an integer, milliseconds since 1970 in UTC, NULL
-- for "not yet"; every duration is an integer of nanoseconds; names are kept as
-- text where a row is written now and then, and as ids where rows come by the
-- thousand. All tables are STRICT: a text in a number column is an error here,
-- not a surprise later.

-- What Check reads: if this one row cannot be read back, nothing can.
CREATE TABLE meta (
  key   TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO meta VALUES ('canary', 'sings');

-- ---------------------------------------------------------------- samples

-- One row for each thing measured. Rows go with their last sample (see Prune).
CREATE TABLE series (
  id      INTEGER PRIMARY KEY,
  kind    TEXT NOT NULL,          -- instance, node, service
  name    TEXT NOT NULL,
  service TEXT NOT NULL,          -- '' for nodes
  metric  TEXT NOT NULL,
  UNIQUE (service, kind, name, metric)  -- service first: the usual question is about one service
) STRICT;

-- WITHOUT ROWID keeps a sample in one tree, in the order in which it is read:
-- a rowid table would hold each key twice. series is no foreign key on purpose:
-- its id was read or made in the same transaction, and the check would cost a
-- second look-up for every sample.
CREATE TABLE sample (
  series INTEGER NOT NULL,
  at     INTEGER NOT NULL,
  value  REAL    NOT NULL,
  PRIMARY KEY (series, at)
) STRICT, WITHOUT ROWID;

-- Cells of demand to work out anew, oldest first. mark is a random number of
-- the commit that marked the cell last: who worked the cell out cleans it only
-- if the mark is still the one it was handed, so that a sample that came in
-- meanwhile is never forgotten.
CREATE TABLE dirty (
  minute  INTEGER NOT NULL,       -- cells are a minute wide: minutes since 1970
  service TEXT    NOT NULL,
  mark    INTEGER NOT NULL,
  PRIMARY KEY (minute, service)
) STRICT, WITHOUT ROWID;

-- One row for each service and metric that demand or forecasts are kept of.
CREATE TABLE line (
  id      INTEGER PRIMARY KEY,
  service TEXT    NOT NULL,
  metric  TEXT    NOT NULL,
  points  INTEGER NOT NULL DEFAULT 0,  -- rows in demand: counting millions takes too long to do on demand
  UNIQUE (service, metric)
) STRICT;

CREATE TABLE demand (
  line      INTEGER NOT NULL REFERENCES line,
  minute    INTEGER NOT NULL,     -- minutes since 1970: two bytes less than milliseconds, in every row
  value     REAL    NOT NULL,
  censored  INTEGER NOT NULL,
  reporting INTEGER NOT NULL,
  ready     INTEGER NOT NULL,
  PRIMARY KEY (line, minute)
) STRICT, WITHOUT ROWID;

-- How far the import of a history file got. Rows stay: importing the same file
-- again has to find that it is in.
CREATE TABLE import (
  fingerprint TEXT PRIMARY KEY,
  done        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- ---------------------------------------------------------------- services

-- body is NULL for a service that was deleted. The row stays, so that a version
-- is never given out twice: an old ETag must not match a new service.
CREATE TABLE service (
  name       TEXT PRIMARY KEY,
  version    INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  body       TEXT                 -- JSON, as the API writes it
) STRICT, WITHOUT ROWID;

CREATE TABLE pause (
  service  TEXT PRIMARY KEY,      -- '' pauses everything
  asked_by TEXT    NOT NULL,
  note     TEXT    NOT NULL,
  since    INTEGER NOT NULL,
  until    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE node (
  name       TEXT PRIMARY KEY,
  type       TEXT    NOT NULL,
  address    TEXT    NOT NULL,
  state      TEXT    NOT NULL,
  protected  INTEGER NOT NULL,
  cores      REAL    NOT NULL,
  memory     INTEGER NOT NULL,    -- bytes
  updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE node_type (
  name           TEXT PRIMARY KEY,
  cores          REAL    NOT NULL,
  speed          REAL    NOT NULL,
  memory         INTEGER NOT NULL, -- bytes
  disk           INTEGER NOT NULL, -- bytes
  disk_kind      TEXT    NOT NULL,
  bandwidth      REAL    NOT NULL, -- Mbit/s
  price_per_hour REAL    NOT NULL,
  billing_step   INTEGER NOT NULL,
  boot_time      INTEGER NOT NULL,
  max_count      INTEGER NOT NULL,
  updated_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- ---------------------------------------------------------------- fleet

CREATE TABLE instance (
  id          TEXT PRIMARY KEY,
  service     TEXT    NOT NULL,
  node        TEXT    NOT NULL,
  state       TEXT    NOT NULL,
  origin      TEXT    NOT NULL,
  address     TEXT    NOT NULL,
  decision    TEXT    NOT NULL,
  stop_by     TEXT    NOT NULL,
  failure     TEXT    NOT NULL,
  ordered_at  INTEGER NOT NULL,
  started_at  INTEGER,
  ready_at    INTEGER,
  draining_at INTEGER,
  stopped_at  INTEGER,
  deadline    INTEGER,
  last_seen   INTEGER,
  ended       INTEGER             -- NULL while live; else stopped_at, or the last time known of it
) STRICT, WITHOUT ROWID;

-- The loop asks for the live ones every few seconds; the dead outnumber them.
CREATE INDEX instance_live ON instance (service, ordered_at, id) WHERE ended IS NULL;
CREATE INDEX instance_ended ON instance (ended) WHERE ended IS NOT NULL;

CREATE TABLE warmup (
  instance TEXT PRIMARY KEY,
  service  TEXT    NOT NULL,
  node     TEXT    NOT NULL,
  image    TEXT    NOT NULL,
  at       INTEGER NOT NULL,
  duration INTEGER NOT NULL,
  at_once  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX warmup_newest ON warmup (service, at DESC, instance DESC);

-- ---------------------------------------------------------------- forecasts

-- The ledger. A rowid table, since its blobs are large: they hang beside the
-- tree, and finding the newest one walks over small index rows only.
CREATE TABLE forecast (
  id        INTEGER PRIMARY KEY,
  line      INTEGER NOT NULL REFERENCES line,
  issued    INTEGER NOT NULL,
  model     TEXT    NOT NULL,
  start     INTEGER NOT NULL,
  step      INTEGER NOT NULL,
  warnings  TEXT,                 -- JSON list, NULL for none
  pinball   REAL,                 -- NULL is NaN, here and below
  naive     REAL,
  coverage  REAL,
  tested    INTEGER NOT NULL,
  quantiles BLOB    NOT NULL,     -- levels and values, see quantiles.go
  UNIQUE (line, issued)
) STRICT;

CREATE INDEX forecast_issued ON forecast (issued);

-- ---------------------------------------------------------------- plans

-- The latest plan of each service only: what was done is in its decisions.
CREATE TABLE plan (
  service TEXT PRIMARY KEY,
  made_at INTEGER NOT NULL,
  lead    INTEGER NOT NULL,
  until   INTEGER NOT NULL,
  acting  INTEGER NOT NULL,
  changes TEXT    NOT NULL        -- JSON: [[at, wanted, required, demand, code], …]
) STRICT, WITHOUT ROWID;

-- seq is the order of recording. "Newest" means recorded last, not latest by
-- the clock: a clock that was set back must not hide what was decided since.
CREATE TABLE decision (
  seq      INTEGER PRIMARY KEY AUTOINCREMENT,
  id       TEXT    NOT NULL UNIQUE,
  service  TEXT    NOT NULL,
  at       INTEGER NOT NULL,
  mode     TEXT    NOT NULL,
  supply   INTEGER NOT NULL,      -- Decision.From
  wanted   INTEGER NOT NULL,      -- Decision.To
  required INTEGER NOT NULL,
  metric   TEXT    NOT NULL,
  reasons  TEXT    NOT NULL,      -- JSON
  actions  TEXT,                  -- JSON: [[kind, instance], …], NULL for none
  outcome  TEXT    NOT NULL,
  error    TEXT    NOT NULL,
  ended_at INTEGER,
  repeats  INTEGER NOT NULL,
  last_at  INTEGER NOT NULL,
  newest   INTEGER NOT NULL       -- 1 for the service's newest, found at once by the index below
) STRICT;

CREATE UNIQUE INDEX decision_newest ON decision (service) WHERE newest = 1;
CREATE INDEX decision_service ON decision (service, seq);
CREATE INDEX decision_at ON decision (at);
CREATE INDEX decision_acted ON decision (service, seq) WHERE actions IS NOT NULL;
CREATE INDEX decision_pending ON decision (service, seq) WHERE outcome = 'pending';

-- ---------------------------------------------------------------- runs, keys

CREATE TABLE run (
  id         TEXT PRIMARY KEY,
  kind       TEXT    NOT NULL,
  started_at INTEGER NOT NULL,
  ended_at   INTEGER,
  done       INTEGER NOT NULL,
  failed     INTEGER NOT NULL,
  error      TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX run_started ON run (started_at DESC, id DESC);

CREATE TABLE key (
  id         TEXT PRIMARY KEY,
  name       TEXT    NOT NULL,
  role       TEXT    NOT NULL,
  service    TEXT    NOT NULL,
  hash       BLOB    NOT NULL UNIQUE,  -- SHA-256; the secret itself is nowhere
  created_at INTEGER NOT NULL,
  revoked_at INTEGER
) STRICT, WITHOUT ROWID;
