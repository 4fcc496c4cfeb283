#!/bin/sh
# Runs `consentql` as the user and with the settings of the service, or with those in the file that SETTINGS names.
# Install it as /usr/local/sbin/consentql.
set -eu
SETTINGS=${SETTINGS:-/etc/consentql/consentql.env}
[ "$(id -u)" = 0 ] || exec sudo -- env SETTINGS="$SETTINGS" "$0" "$@"
set -a
. "$SETTINGS"
set +a
# the servers own this address while they run
export CONSENTQL_METRICS_ADDRESS=off HOME=/var/lib/consentql
exec setpriv --reuid=consentql --regid=consentql --init-groups /opt/consentql/current/.venv/bin/consentql "$@"
