#!/bin/sh
# Set up .venv: the pinned packages of requirements.lock (with "dev" also those of requirements-dev.lock), then the workspace.
# Does nothing when nothing changed since the last time. PYTHON names the interpreter to begin with.
set -eu
cd "$(dirname "$0")/.."
wanted=${1:-run}
venv=.venv
export UV_SYSTEM_CERTS=1 UV_PYTHON_DOWNLOADS=never UV_HTTP_TIMEOUT="${UV_HTTP_TIMEOUT:-120}"
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

say() { printf '%s\n' "$*"; }
fail() { printf 'make install: %s\n' "$*" >&2; exit 1; }
recent() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

packages=
declarations=
for declared in core/pyproject.toml plugins/*/pyproject.toml; do
    [ -f "$declared" ] || continue  # a folder without one holds only left-over caches
    declarations="$declarations $declared"
    # a package of [tool.hansa] development = true is for tests: no part of a server
    [ "$wanted" != dev ] && grep -q '^development = true' "$declared" && continue
    packages="$packages ${declared%/pyproject.toml}"
done

locks=requirements.lock
[ "$wanted" = dev ] && locks="$locks requirements-dev.lock"
state() { { pwd; cat $declarations "$@" tools/install.sh; } | cksum; }
if [ "$(cat "$venv/.installed-$wanted" 2>/dev/null || true)" = "$(state $locks)" ] && recent "$venv/bin/python"; then
    exit 0
fi

if ! recent "$venv/bin/python" || ! grep -qF "$(pwd)/$venv" "$venv/bin/activate"; then  # none yet, or it was moved here
    python=
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if recent "$candidate"; then python=$candidate; break; fi
    done
    [ -n "$python" ] || fail "needs Python 3.11 or newer; name one with: make install PYTHON=/path/to/python3"
    if ! "$python" -c 'import ensurepip' 2>/dev/null; then
        if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
            say "==> python3-venv is missing: apt-get install python3-venv"
            apt-get update -qq
            DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
        fi
        "$python" -c 'import ensurepip' 2>/dev/null ||
            fail "$python cannot make virtual environments; install its venv package (Debian, Ubuntu: apt-get install python3-venv)"
    fi
    say "==> $venv with $("$python" --version)"
    rm -rf "$venv"
    "$python" -m venv "$venv"
fi

pinned=$(awk '/^[^ #]/ { on = /^uv==/ } on' requirements.lock)  # uv itself, with its hashes
version=$(printf '%s' "$pinned" | sed -n '1s/^uv==\([^ ]*\).*/\1/p')
if ! "$venv/bin/uv" --version 2>/dev/null | grep -qF "uv $version "; then
    say "==> uv $version"
    printf '%s\n' "$pinned" >"$venv/uv.lock"
    "$venv/bin/python" -m pip install --quiet --require-hashes -r "$venv/uv.lock"
fi

if [ "$wanted" = dev ]; then  # a few packages for tests have no wheels, and are compiled
    missing=
    command -v cc >/dev/null || missing="gcc libc6-dev"
    include=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
    [ -e "$include/Python.h" ] || missing="$missing python3-dev"
    if [ -n "$missing" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "==> apt-get install $missing"
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
    fi
    command -v cc >/dev/null && [ -e "$include/Python.h" ] ||
        fail "packages for tests are compiled; install $missing"
fi

say "==> packages of $(echo $locks | sed 's/ / and /')"
requirements=
for lock in $locks; do requirements="$requirements -r $lock"; done
"$venv/bin/uv" pip install --python "$venv/bin/python" --compile-bytecode --require-hashes $requirements

say "==> the workspace:$(for package in $packages; do printf ' %s' "${package##*/}"; done)"
editable=
for package in $packages; do editable="$editable -e $package"; done
"$venv/bin/uv" pip install --quiet --no-sources --python "$venv/bin/python" --no-deps --no-build-isolation $editable
"$venv/bin/python" -m compileall -q core/src plugins/*/src  # else the first start would do it
if [ "$wanted" = dev ]; then  # else each process that runs tests would do it
    say "==> the tests, compiled as pytest does"
    "$venv/bin/python" -m pytest --collect-only -qq >/dev/null || true  # make test says what is wrong
fi
state requirements.lock >"$venv/.installed-run"
[ "$wanted" = dev ] && state $locks >"$venv/.installed-dev"
say "==> ready"
