-- The memory of forescale on PostgreSQL, first shape.
--
-- Conventions: every time is a timestamptz that holds whole milliseconds, NULL
-- for "not yet"; every duration is a bigint of nanoseconds; names are text where
-- a row is written now and then, and ids where rows come by the thousand. Texts
-- are sorted by their bytes (COLLATE "C"), whatever the database's language is.
-- JSON is json, not jsonb: it comes back as it was written.

-- What Check reads: if this one row cannot be read back, nothing can. The
-- series_epoch grows when series are deleted, so that ids that other servers
-- keep in their memory are not used any more.
CREATE TABLE meta (
  key   text COLLATE "C" PRIMARY KEY,
  value text NOT NULL
);

INSERT INTO meta VALUES ('canary', 'sings'), ('series_epoch', '0');

-- ---------------------------------------------------------------- samples

-- One row for each thing measured. Rows go with their last sample (see Prune).
CREATE TABLE series (
  id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind    text COLLATE "C" NOT NULL,  -- instance, node, service
  name    text COLLATE "C" NOT NULL,
  service text COLLATE "C" NOT NULL,  -- '' for nodes
  metric  text COLLATE "C" NOT NULL,
  UNIQUE (service, kind, name, metric)  -- service first: the usual question is about one service
);

-- series is no foreign key on purpose: the check would cost a look-up and a lock
-- for every sample. A lock on the names keeps a series while samples are added.
CREATE TABLE sample (
  series bigint           NOT NULL,
  at     timestamptz      NOT NULL,
  value  double precision NOT NULL,
  PRIMARY KEY (series, at)
);

-- Cells of demand to work out anew, oldest first. mark is a random number of
-- the commit that marked the cell last: who worked the cell out cleans it only
-- if the mark is still the one it was handed, so that a sample that came in
-- meanwhile is never forgotten.
CREATE TABLE dirty (
  minute  timestamptz      NOT NULL,
  service text COLLATE "C" NOT NULL,
  mark    bigint           NOT NULL,
  PRIMARY KEY (minute, service)
) WITH (fillfactor = 70);

-- One row for each service and metric that demand or forecasts are kept of.
CREATE TABLE line (
  id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  service text COLLATE "C" NOT NULL,
  metric  text COLLATE "C" NOT NULL,
  points  bigint NOT NULL DEFAULT 0,  -- rows in demand: counting millions takes too long to do on demand
  UNIQUE (service, metric)
) WITH (fillfactor = 70);

-- Rows come by the minute and are read by the line: in the table itself, four
-- weeks of a line lie on as many pages as there are minutes. So the index holds
-- all columns.
CREATE TABLE demand (
  line      bigint           NOT NULL,
  minute    timestamptz      NOT NULL,
  value     double precision NOT NULL,
  censored  boolean          NOT NULL,
  reporting integer          NOT NULL,
  ready     integer          NOT NULL,
  PRIMARY KEY (line, minute) INCLUDE (value, censored, reporting, ready)
);

-- How far the import of a history file got. Rows stay: importing the same file
-- again has to find that it is in.
CREATE TABLE import (
  fingerprint text COLLATE "C" PRIMARY KEY,
  done        bigint NOT NULL
);

-- ---------------------------------------------------------------- services

-- body is NULL for a service that was deleted. The row stays, so that a version
-- is never given out twice: an old ETag must not match a new service.
CREATE TABLE service (
  name       text COLLATE "C" PRIMARY KEY,
  version    bigint      NOT NULL,
  updated_at timestamptz NOT NULL,
  body       json                     -- as the API writes it
);

CREATE TABLE pause (
  service  text COLLATE "C" PRIMARY KEY,  -- '' pauses everything
  asked_by text        NOT NULL,
  note     text        NOT NULL,
  since    timestamptz NOT NULL,
  until    timestamptz NOT NULL
);

CREATE TABLE node (
  name       text COLLATE "C" PRIMARY KEY,
  type       text             NOT NULL,
  address    text             NOT NULL,
  state      text             NOT NULL,
  protected  boolean          NOT NULL,
  cores      double precision NOT NULL,
  memory     bigint           NOT NULL,  -- bytes
  updated_at timestamptz      NOT NULL
);

CREATE TABLE node_type (
  name           text COLLATE "C" PRIMARY KEY,
  cores          double precision NOT NULL,
  speed          double precision NOT NULL,
  memory         bigint           NOT NULL,  -- bytes
  disk           bigint           NOT NULL,  -- bytes
  disk_kind      text             NOT NULL,
  bandwidth      double precision NOT NULL,  -- Mbit/s
  price_per_hour double precision NOT NULL,
  billing_step   bigint           NOT NULL,
  boot_time      bigint           NOT NULL,
  max_count      bigint           NOT NULL,
  updated_at     timestamptz      NOT NULL
);

-- ---------------------------------------------------------------- fleet

CREATE TABLE instance (
  id          text COLLATE "C" PRIMARY KEY,
  service     text COLLATE "C" NOT NULL,
  node        text        NOT NULL,
  state       text        NOT NULL,
  origin      text        NOT NULL,
  address     text        NOT NULL,
  decision    text        NOT NULL,
  stop_by     text        NOT NULL,
  failure     text        NOT NULL,
  ordered_at  timestamptz NOT NULL,
  started_at  timestamptz,
  ready_at    timestamptz,
  draining_at timestamptz,
  stopped_at  timestamptz,
  deadline    timestamptz,
  last_seen   timestamptz,
  ended       timestamptz             -- NULL while live; else stopped_at, or the last time known of it
);

-- The loop asks for the live ones every few seconds; the dead outnumber them.
CREATE INDEX instance_live ON instance (service, ordered_at, id) WHERE ended IS NULL;
CREATE INDEX instance_ended ON instance (ended) WHERE ended IS NOT NULL;

CREATE TABLE warmup (
  instance text COLLATE "C" PRIMARY KEY,
  service  text COLLATE "C" NOT NULL,
  node     text        NOT NULL,
  image    text        NOT NULL,
  at       timestamptz NOT NULL,
  duration bigint      NOT NULL,
  at_once  bigint      NOT NULL
);

CREATE INDEX warmup_newest ON warmup (service, at DESC, instance DESC);
CREATE INDEX warmup_at ON warmup (at);

-- ---------------------------------------------------------------- forecasts

-- The ledger. Its blobs are packed already: PostgreSQL need not try.
CREATE TABLE forecast (
  line      bigint           NOT NULL REFERENCES line,
  issued    timestamptz      NOT NULL,
  model     text             NOT NULL,
  start     timestamptz      NOT NULL,
  step      bigint           NOT NULL,
  warnings  json,                     -- list, NULL for none
  pinball   double precision NOT NULL,
  naive     double precision NOT NULL,
  coverage  double precision NOT NULL,
  tested    bigint           NOT NULL,
  quantiles bytea            NOT NULL,  -- levels and values, see package encoding
  PRIMARY KEY (line, issued)
);

ALTER TABLE forecast ALTER COLUMN quantiles SET STORAGE EXTERNAL;
CREATE INDEX forecast_issued ON forecast (issued);

-- ---------------------------------------------------------------- plans

-- The latest plan of each service only: what was done is in its decisions.
CREATE TABLE plan (
  service text COLLATE "C" PRIMARY KEY,
  made_at timestamptz NOT NULL,
  lead    bigint      NOT NULL,
  until   timestamptz NOT NULL,
  acting  boolean     NOT NULL,
  changes json        NOT NULL        -- [[at, wanted, required, demand, code], …]
) WITH (fillfactor = 70);

-- seq is the order of recording: rounds are recorded one after the other, also
-- by several servers. "Newest" means recorded last, not latest by the clock: a
-- clock that was set back must not hide what was decided since.
CREATE TABLE decision (
  seq      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id       text COLLATE "C" NOT NULL UNIQUE,
  service  text COLLATE "C" NOT NULL,
  at       timestamptz NOT NULL,
  mode     text        NOT NULL,
  supply   bigint      NOT NULL,      -- Decision.From
  wanted   bigint      NOT NULL,      -- Decision.To
  required bigint      NOT NULL,
  metric   text        NOT NULL,
  reasons  json        NOT NULL,
  actions  json,                      -- [[kind, instance], …], NULL for none
  outcome  text        NOT NULL,
  error    text        NOT NULL,
  ended_at timestamptz,
  repeats  bigint      NOT NULL,
  last_at  timestamptz NOT NULL,
  newest   boolean     NOT NULL       -- the service's newest, found at once by the index below
) WITH (fillfactor = 90);

CREATE UNIQUE INDEX decision_newest ON decision (service) WHERE newest;
CREATE INDEX decision_service ON decision (service, seq);
CREATE INDEX decision_at ON decision (at);
CREATE INDEX decision_acted ON decision (service, seq) WHERE actions IS NOT NULL;
CREATE INDEX decision_pending ON decision (service, seq) WHERE outcome = 'pending';

-- ---------------------------------------------------------------- runs, keys

CREATE TABLE run (
  id         text COLLATE "C" PRIMARY KEY,
  kind       text COLLATE "C" NOT NULL,
  started_at timestamptz NOT NULL,
  ended_at   timestamptz,
  done       bigint NOT NULL,
  failed     bigint NOT NULL,
  error      text   NOT NULL
);

CREATE INDEX run_started ON run (started_at DESC, id DESC);

CREATE TABLE key (
  id         text COLLATE "C" PRIMARY KEY,
  name       text   NOT NULL,
  role       text   NOT NULL,
  service    text   NOT NULL,
  hash       bytea  NOT NULL UNIQUE,  -- SHA-256; the secret itself is nowhere
  created_at timestamptz NOT NULL,
  revoked_at timestamptz
);
