-- Demand by the hour as forecasts and charts read it. What was rolled up before
-- the extension came stays where it is: its minutes may be gone. RollUp refreshes
-- the rest, from the hours on that are not final; a policy could not know these
-- and would empty hours whose minutes are gone.
--
-- The roll-up of samples by the minute goes: nothing reads it, demand is the level
-- of minutes.

-- allow: no program reads it
DROP MATERIALIZED VIEW sample_minute;
-- allow: no program read it; it comes back with a column more
DROP MATERIALIZED VIEW demand_hour;

CREATE MATERIALIZED VIEW demand_hour WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
  SELECT line, time_bucket(INTERVAL '1 hour', minute) AS hour,
         avg(value) AS mean, min(value) AS least, max(value) AS most, count(*) AS points, count(*) FILTER (WHERE censored) AS saturated
    FROM demand GROUP BY 1, 2
  WITH NO DATA;

UPDATE meta SET value = (SELECT value FROM meta WHERE key = 'hours_final') WHERE key = 'hours_moved';
-- allow: an older program knows no hours, and these are worked out again
DELETE FROM hours WHERE hour >= (SELECT value::timestamptz FROM meta WHERE key = 'hours_moved');
-- allow: an older program knows no hours
DELETE FROM hours_due;
