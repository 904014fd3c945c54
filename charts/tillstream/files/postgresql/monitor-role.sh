#!/bin/sh
# Makes the role by which postgres_exporter reads: it may see statistics and settings, and no table of ours. Runs once, in
# the image of PostgreSQL; doing it again only sets the password again.
#
#   PGHOST, PGUSER, PGDATABASE   where, as a role that may make roles
#   OWNER_PASSWORD_FILE          its password
#   MONITOR_PASSWORD_FILE        the password that the exporter uses
set -eu

PGPASSWORD=$(cat "$OWNER_PASSWORD_FILE")
MONITOR_PASSWORD=$(cat "$MONITOR_PASSWORD_FILE")
export PGPASSWORD MONITOR_PASSWORD

# The password is read from the environment by psql itself: arguments are seen by everybody on the machine.
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 <<'SQL'
\getenv password MONITOR_PASSWORD
select 'create role tillstream_monitor' where not exists (select from pg_roles where rolname = 'tillstream_monitor') \gexec
alter role tillstream_monitor with login nosuperuser nocreatedb nocreaterole connection limit 5 password :'password';
grant pg_monitor to tillstream_monitor;
SQL
echo "monitor-role: tillstream_monitor may read statistics"
