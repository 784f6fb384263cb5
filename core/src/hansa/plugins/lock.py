"""The lock file: which distributions of plugins a server is meant to run with, by version and hash.

It is JSON and stands beside config.toml. Its hash is that of what the installer has noted of the
files of a distribution (RECORD, the recording of installed projects of PyPA).
"""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import Distribution, distribution
from pathlib import Path

from ..foundation.errors import Invalid
from ..foundation.files import replace_file
from .installed import discover

LOCK = "plugins.lock"
"""Its name."""
CORE = "hansa"
_VARYING = ("INSTALLER", "REQUESTED", "RECORD", "direct_url.json", "uv_cache.json")
"""Files of an installation that say how it was installed, and not what."""

Locked = dict[str, dict[str, str]]
"""The `version` and the `hash` of each distribution."""


def lock_plugins(folder: Path) -> list[str]:
    """Write which plugins are installed into the lock file of a folder; returns the distributions.

    Raises OSError if it cannot be written.
    """
    installed = _installed()
    replace_file(folder / LOCK, json.dumps({"plugins": installed}, indent=2) + "\n")
    return list(installed)


def lock_differences(folder: Path) -> list[str]:
    """Return in words how what is installed differs from the lock file of a folder; nothing if
    there is none.

    Raises `Invalid` if it cannot be read.
    """
    path = folder / LOCK
    if not path.exists():
        return []
    try:
        locked: Locked = json.loads(path.read_text())["plugins"]
        now = _installed()
        names = sorted({*locked, *now})
        found = [_difference(name, locked.get(name), now.get(name)) for name in names]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Invalid({str(path): f"cannot be read: {error!r}"}) from None
    return [one for one in found if one]


def _difference(name: str, locked: dict[str, str] | None, now: dict[str, str] | None) -> str:
    if locked is None:
        return f"{name} is installed and not locked"
    if now is None:
        return f"{name} {locked['version']} is locked and not installed"
    if locked["version"] != now["version"]:
        return f"{name} {now['version']} is installed, {locked['version']} is locked"
    if locked["hash"] != now["hash"]:
        return f"{name} {now['version']} has other files than the one that was locked"
    return ""


def _installed() -> Locked:
    """Return core and the distributions of plugins, by name."""
    names = {plugin.distribution for plugin in discover().values() if not plugin.fault}
    found = {name: distribution(name) for name in sorted({CORE, *names})}
    return {name: {"version": one.version, "hash": _hash(one)} for name, one in found.items()}


def _hash(one: Distribution) -> str:
    lines = (one.read_text("RECORD") or "").splitlines()
    kept = [line for line in lines if not line.partition(",")[0].endswith(_VARYING)]
    digest = hashlib.sha256("\n".join(sorted(kept)).encode())
    return f"sha256:{digest.hexdigest()}"
