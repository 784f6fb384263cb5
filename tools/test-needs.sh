#!/bin/sh
# Get the programs that tests (or, with "bench", benchmarks) drive: as root on Debian by apt-get, else say what is missing.
set -eu
needs="chromium:chromium redis-server:redis-server haproxy:haproxy curl:curl"
[ "${1:-test}" = bench ] && needs="wrk:wrk"

missing=
for need in $needs; do
    command -v "${need%%:*}" >/dev/null 2>&1 || missing="$missing ${need##*:}"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    printf '==> apt-get install%s\n' "$missing"
    apt-get update -qq
    # Debian starts redis-server by itself; the tests start their own on a free port.
    DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends $missing >/dev/null
else
    printf '==> not here, so their tests are skipped:%s (Debian: apt-get install%s)\n' "$missing" "$missing"
fi
