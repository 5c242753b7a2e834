-- What TimescaleDB adds. These steps are numbered apart from the schema's, since
-- a database may get the extension later than the schema: then the rows that are
-- there move into chunks.
--
-- A chunk is what is compressed, and what has to fit into memory with its index
-- while it is written to: a day of samples, a month of demand. Late samples may
-- be a week old, so compression begins after that.

SELECT create_hypertable('sample', 'at', chunk_time_interval => INTERVAL '1 day', create_default_indexes => false, migrate_data => true);
ALTER TABLE sample SET (timescaledb.compress, timescaledb.compress_segmentby = 'series', timescaledb.compress_orderby = 'at');
SELECT add_compression_policy('sample', INTERVAL '8 days');

SELECT create_hypertable('demand', 'minute', chunk_time_interval => INTERVAL '30 days', create_default_indexes => false, migrate_data => true);
ALTER TABLE demand SET (timescaledb.compress, timescaledb.compress_segmentby = 'line', timescaledb.compress_orderby = 'minute');
SELECT add_compression_policy('demand', INTERVAL '38 days');
