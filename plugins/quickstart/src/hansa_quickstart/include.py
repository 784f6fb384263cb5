"""What the servers of a cluster take from a configuration that is included: services, definitions,
settings.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Final, TypeAlias

from .failure import INVALID, Failure

Sections: TypeAlias = dict[str, Any]
"""The sections of a configuration, by name."""

OWN_SECTIONS: Final = frozenset(
    {"server", "http", "odb", "redis", "pickup", "loadbalancer", "plugins"}
)
"""Sections that each server of a cluster has of its own, so that they are not taken."""
_OWN_SETTINGS: Final = {
    "server": {"name", "cluster", "dir", "say", "secret_key"},
    "http": {"address", "trusted_proxies", "proxy_secret"},
}
"""Sections of these that are taken nevertheless, except for these settings."""


def included(path: Path) -> Sections:
    """Return what every server is to take from a configuration file; raises `Failure`.

    Paths of services are made absolute.
    """
    found = _read(path)
    taken = {name: content for name, content in found.items() if name not in OWN_SECTIONS}
    for name, own in _OWN_SETTINGS.items():
        settings = found.get(name, {})
        rest = {key: value for key, value in settings.items() if key not in own}
        if rest:
            taken[name] = rest
    files = taken.get("services", {}).get("files")
    if files:
        taken["services"]["files"] = [str((path.parent / file).resolve()) for file in files]
    return taken


def lines_to_say(path: Path) -> list[str]:
    """Return the lines that a configuration has printed once a server is ready; raises `Failure`."""
    return [str(line) for line in _read(path).get("server", {}).get("say", [])]


def _read(path: Path) -> Sections:
    try:
        return tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Failure(f"{path}: {error}", INVALID) from None
