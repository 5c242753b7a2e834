#!/bin/sh
# Makes the role that Grafana reads with, when the database is made: it may read
# everything and write nothing.
set -eu
psql -v ON_ERROR_STOP=1 -v password="$(cat "${GRAFANA_PASSWORD_FILE:-/run/secrets/grafana}")" -U "$POSTGRES_USER" -d "$POSTGRES_DB" <<'SQL'
CREATE ROLE grafana LOGIN PASSWORD :'password';
GRANT pg_read_all_data TO grafana;
SQL
