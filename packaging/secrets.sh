#!/bin/sh
# Write random secrets for compose.yaml, or for a Secret of Kubernetes, into a folder: secrets.sh FOLDER [ODB_HOST [REDIS_HOST]]
# Those that are there are kept. The folder must belong to whom the servers run as (10001 in a container).
set -eu
folder=$1
odb=${2:-postgresql}
redis=${3:-valkey}
umask 077
mkdir -p "$folder"
random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }
make() { [ -s "$folder/$1" ] || printf '%s\n' "$2" >"$folder/$1"; }
make admin-password "$(random)"
make odb-password "$(random)"
make redis-password "$(random)"
make secret-key "$(head -c 32 /dev/urandom | base64 | tr '+/' '-_')"
make odb-url "postgresql+psycopg://hansa:$(cat "$folder/odb-password")@$odb:5432/hansa"
make redis-address "redis://:$(cat "$folder/redis-password")@$redis:6379/0"
make valkey.conf "dir /data
appendonly yes
appendfsync always
maxmemory-policy noeviction
requirepass $(cat "$folder/redis-password")"
