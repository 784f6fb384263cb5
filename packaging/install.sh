#!/bin/sh
# Build the wheels of a server and install them, with the pinned packages, into a folder for the image: install.sh FOLDER [PLUGIN...]
# Further plugins are named as in plugins/. UV and PYTHON name the programs.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
folder=$1
shift
uv=${UV:-uv}
wheels=$(mktemp -d)
trap 'rm -rf "$wheels"' EXIT
for package in "$here"/core "$here"/plugins/*; do
    [ -f "$package/pyproject.toml" ] || continue
    grep -q '^development = true' "$package/pyproject.toml" && continue
    "$uv" build --quiet --wheel --no-sources --out-dir "$wheels" "$package"
done
server="admin http json xml csv form edi security roles jwt oauth redis queue scheduler limits pickup history audit stats trace otel redaction backup doctor granian"
requirements="hansa-odb[postgresql]"
for plugin in $server "$@"; do requirements="$requirements hansa-$plugin"; done
"$uv" pip install --quiet --python "${PYTHON:-python3}" --target "$folder" --compile-bytecode --link-mode copy \
    --constraint "$here/requirements.lock" --find-links "$wheels" --no-sources $requirements
