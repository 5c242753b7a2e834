-- Budgets, and what was spent of them. Only added: an older program charges
-- nothing, and what it let run is charged when a newer one goes on.

CREATE TABLE budget (
  name       text COLLATE "C" PRIMARY KEY,
  version    bigint      NOT NULL,
  updated_at timestamptz NOT NULL,
  body       json                     -- forescale.Budget; NULL: deleted, and its versions are not given out again
);

-- How far the charging of each zone has come. The month never falls.
CREATE TABLE meter (
  zone  text COLLATE "C" PRIMARY KEY,
  month bigint      NOT NULL,         -- since the year 0
  at    timestamptz NOT NULL
);

-- What is settled, in millionths.
CREATE TABLE spent (
  zone    text COLLATE "C" NOT NULL,
  month   bigint           NOT NULL,
  service text COLLATE "C" NOT NULL,
  amount  bigint           NOT NULL,
  PRIMARY KEY (zone, month, service)
);

-- What each instance was charged. It stays as long as the instance's row, so that
-- one that is found again is not charged twice.
CREATE TABLE bill (
  zone       text COLLATE "C" NOT NULL,
  instance   text COLLATE "C" NOT NULL,
  service    text COLLATE "C" NOT NULL,
  price      bigint           NOT NULL,  -- of an hour, in millionths
  step       bigint           NOT NULL,  -- nanoseconds
  ordered_at timestamptz      NOT NULL,
  extra      bigint           NOT NULL,  -- nanoseconds that the clock does not show
  paid       bigint           NOT NULL,  -- nanoseconds of its life that are in spent
  open       boolean          NOT NULL,
  PRIMARY KEY (zone, instance)
);

CREATE INDEX bill_open ON bill (zone) WHERE open;
CREATE INDEX service_price ON service (name) WHERE (body ->> 'price_per_hour') IS NOT NULL;
