"""What the supervisor needs of the admin plugin: the password, the lines at the start, and the section
`[cluster]`.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import click
from hansa import Configuration, Engine, Model, Registry, hookimpl
from hansa_cli.access import DEFAULT_URL, PASSWORD_VARIABLE, USER, password_file, recorded_url
from hansa_cli.installed import describe_by
from hansa_cli.plain import JsonObject

from .cluster_settings import ClusterSection
from .password import ensure_password

_fresh: set[Path] = set()
"""Folders whose password this process has made."""


@hookimpl
def hansa_engines(config: Configuration) -> list[Engine]:
    """Make the password before any worker needs it; there is no engine."""
    if ensure_password(config.dir):
        _fresh.add(config.dir)
    return []


@hookimpl
def hansa_settings() -> dict[str, type[Model]]:
    """Declare the section `[cluster]`."""
    return {"cluster": ClusterSection}


@hookimpl
def hansa_ready(config: Configuration) -> list[str]:
    """Return how to reach the admin API: its user, its password, its page, and a first command."""
    address = recorded_url(config.dir) or DEFAULT_URL
    return introduction(address, address, config.dir, fresh=config.dir in _fresh)


@hookimpl
def hansa_commands(commands: click.Group) -> None:
    """Let the command line describe what is installed; it adds no command."""

    def describe_installed(registry: Registry) -> JsonObject:
        # PERF: the types, and what describes them, are imported for nothing else
        from .installed import describe

        return describe(registry)

    describe_by(describe_installed)


def introduction(address: str, page: str, directory: Path, *, fresh: bool) -> list[str]:
    """Return how to reach the admin API: at `address`, and at `page` in a browser.

    A `fresh` password is shown.
    """
    file = password_file(directory)
    if os.environ.get(PASSWORD_VARIABLE):
        given = f"${PASSWORD_VARIABLE}"
        shown = f"password from the environment variable {PASSWORD_VARIABLE}"
    else:
        given = f"$(cat {shlex.quote(str(file))})"
        shown = f"password in {file}"
        if fresh:
            password = file.read_text().strip()
            shown = f"password {password} (kept in {file}, shown this once)"
    command = [
        "curl",
        f'-u "{USER}:{given}"',
        "-H 'Content-Type: application/json'",
        "-d '{}'",
        f"{address}/hansa/api/admin.server.status",
    ]
    return [
        f"admin: user {USER}, {shown}",
        f"admin API: {page}/hansa/api/docs shows it",
        f"  {' '.join(command)}",
    ]
