-- Roll-ups for people and their dashboards; forescale itself reads demand, which
-- is a roll-up by the minute of its own. They are refreshed over the last 8 days,
-- so that late and corrected samples reach them, and show what is newer than
-- their last refresh as it comes in.

CREATE MATERIALIZED VIEW sample_minute WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
  SELECT series, time_bucket(INTERVAL '1 minute', at) AS minute,
         avg(value) AS mean, min(value) AS least, max(value) AS most, count(*) AS samples
    FROM sample GROUP BY 1, 2
  WITH NO DATA;
SELECT add_continuous_aggregate_policy('sample_minute',
  start_offset => INTERVAL '8 days', end_offset => INTERVAL '2 minutes', schedule_interval => INTERVAL '1 minute');

CREATE MATERIALIZED VIEW demand_hour WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
  SELECT line, time_bucket(INTERVAL '1 hour', minute) AS hour,
         avg(value) AS mean, min(value) AS least, max(value) AS most, count(*) AS points
    FROM demand GROUP BY 1, 2
  WITH NO DATA;
SELECT add_continuous_aggregate_policy('demand_hour',
  start_offset => INTERVAL '8 days', end_offset => INTERVAL '1 hour', schedule_interval => INTERVAL '15 minutes');
