#!/bin/sh
# Creates the two databases of the Temporal server, or brings them to this version. Safe to repeat.
# Runs in temporalio/admin-tools; needs POSTGRES_SEEDS, DB_PORT, POSTGRES_USER and SQL_PASSWORD.
set -eu

schema=/etc/temporal/schema/postgresql/v12

bring_up() {
  database=$1
  versions=$2
  set -- --plugin postgres12 --ep "$POSTGRES_SEEDS" -p "$DB_PORT" -u "$POSTGRES_USER" --db "$database"
  temporal-sql-tool "$@" create
  temporal-sql-tool "$@" setup-schema -v 0.0
  temporal-sql-tool "$@" update-schema -d "$versions"
}

bring_up temporal "$schema/temporal/versioned"
bring_up temporal_visibility "$schema/visibility/versioned"
