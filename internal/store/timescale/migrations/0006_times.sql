-- How long starts and cool-downs took, and what was learned of it. Only added: an
-- older program writes warm-ups without the node's load.

ALTER TABLE warmup ADD COLUMN node_cpu double precision NOT NULL DEFAULT 0; -- in %; 0: not known

CREATE TABLE cooldown (
  instance text COLLATE "C" PRIMARY KEY,
  service  text COLLATE "C" NOT NULL,
  node     text             NOT NULL,
  image    text             NOT NULL,
  at       timestamptz      NOT NULL,
  duration bigint           NOT NULL,
  at_once  bigint           NOT NULL,
  node_cpu double precision NOT NULL
);

CREATE INDEX cooldown_newest ON cooldown (service, at DESC, instance DESC);
CREATE INDEX cooldown_at ON cooldown (at);

CREATE TABLE learned (
  service text COLLATE "C" NOT NULL,
  kind    text COLLATE "C" NOT NULL,
  at      timestamptz      NOT NULL,
  body    json             NOT NULL, -- forescale.LearnedTimes
  PRIMARY KEY (service, kind)
);

-- The loop asks every few seconds for what is new.
CREATE INDEX learned_at ON learned (at);
