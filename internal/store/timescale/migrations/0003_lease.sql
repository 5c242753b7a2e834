-- Which of several servers leads: one row. A take-over changes fence, which is a
-- key, so it waits for every transaction that holds the row FOR KEY SHARE, as all
-- writes of a leader do; renewing changes no key and waits for none of them.
CREATE TABLE lease (
  one     boolean PRIMARY KEY CHECK (one),
  scope   text        NOT NULL,       -- short id of this store
  fence   bigint      NOT NULL UNIQUE,-- grows with each take-over; by hand it may be raised, never lowered
  holder  text        NOT NULL,       -- '' after the holder resigned
  since   timestamptz NOT NULL,       -- of the take-over
  renewed timestamptz NOT NULL,
  until   timestamptz NOT NULL
);

INSERT INTO lease VALUES (true, substr(md5(random()::text || clock_timestamp()::text), 1, 10), 0, '', 'epoch', 'epoch', 'epoch');

-- The fence that a decision was made under, 0 where there was but one server.
ALTER TABLE decision ADD COLUMN fence bigint NOT NULL DEFAULT 0;
