#!/bin/sh
# Writes an encrypted dump of the database and a copy of the erasure register to BACKUP_FOLDER, and deletes dumps
# older than BACKUP_DAYS. Needs pg_dump and age. The private key of BACKUP_RECIPIENT must not be on this machine.
set -eu
umask 077
: "${BACKUP_FOLDER:?names the folder of the backups}"
: "${BACKUP_RECIPIENT:?is the age public key that the dumps are encrypted for}"
: "${BACKUP_DATABASE:?is a libpq connection string}"
: "${BACKUP_DAYS:=30}"
: "${ERASURE_REGISTER:=/var/lib/consentql/erasures}"

dump="$BACKUP_FOLDER/$(date -u +%Y-%m-%dT%H-%M-%SZ).dump.age"
trap 'rm -f "$dump.part" "$dump.status"' EXIT
# a pipe ends with the status of its last command, so pg_dump's own status goes through a file
{ pg_dump --format=custom --dbname="$BACKUP_DATABASE" || echo failed >"$dump.status"; } |
    age --recipient "$BACKUP_RECIPIENT" --output "$dump.part"
[ ! -e "$dump.status" ] || { echo "pg_dump failed: no backup was written." >&2; exit 1; }
sync "$dump.part"
mv "$dump.part" "$dump"

# The register only grows. A restored database is checked against the newest copy, never against an old one.
if [ -e "$ERASURE_REGISTER" ]; then
    cp "$ERASURE_REGISTER" "$BACKUP_FOLDER/erasures.part"
    sync "$BACKUP_FOLDER/erasures.part"
    mv "$BACKUP_FOLDER/erasures.part" "$BACKUP_FOLDER/erasures"
fi
find "$BACKUP_FOLDER" -name '*.dump.age' -mtime "+$BACKUP_DAYS" -delete
echo "wrote $dump"
