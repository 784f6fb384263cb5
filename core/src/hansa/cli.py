"""The `hansa` command: `server run`, and whatever commands the installed plugins add."""

from __future__ import annotations

import contextlib
import logging
import sys
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path
from typing import cast

import click

from .contract.server import Server
from .foundation.errors import HansaError, Invalid
from .foundation.exits import exits_raised, hangs_raised
from .plugins.discovery import Plugins
from .plugins.installed import EARLY
from .plugins.registry import Registry

LOADING_LIMIT = 10.0
"""Seconds that a command may be held up by the import of one plugin."""


class _Commands(click.Group):
    """Asks plugins for their commands only when a command line is parsed."""

    _asked = False

    def _ask(self) -> None:
        """Add the commands of plugins, once; a server that starts needs none of them."""
        if self._asked or sys.argv[1:3] == ["server", "run"]:
            return
        self._asked = True
        self._add(None)

    def _ask_namesake(self, name: str) -> None:
        """Add the commands of the plugin of this name alone, if it is one of Hansa's own.

        PERF: a sixth of the time until `hansa web run` answers went into the other plugins.
        """
        with contextlib.suppress(PackageNotFoundError, ValueError):
            distribution(f"hansa-{name}")
            self._add([name])

    def _add(self, enabled: list[str] | None) -> None:
        """Add the commands of these plugins, or of all, and report those that are missing."""
        logging.getLogger("hansa.plugins").setLevel(logging.CRITICAL)
        plugins = Plugins(Registry(), (EARLY,))
        with exits_raised(), hangs_raised(LOADING_LIMIT) as begin:
            plugins.load(enabled=enabled, trying=lambda plugin: begin())
        for broken in plugins.broken:
            # others have no commands
            if EARLY in broken.entries:
                click.echo(f"Commands of the {broken.label} are missing: {broken.why}", err=True)
        for plugin, error in plugins.add_commands(self):
            why = f"{type(error).__name__}: {error}"
            click.echo(f"Commands of the plugin {plugin} are missing: {why}", err=True)

    def list_commands(self, context: click.Context) -> list[str]:
        self._ask()
        return super().list_commands(context)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in self.commands and not self._asked:
            self._ask_namesake(name)
            found = super().get_command(context, name)
            if found is not None:
                return found
        self._ask()
        return super().get_command(context, name)


class _NoServer:
    """What plugins derive services from where no server runs: the registered types."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry


def _load_installed() -> Registry:
    """Return a registry with the types and services of everything that is installed; nothing is
    started, and services that are derived from more than the types are left out.
    """
    registry = Registry()
    with exits_raised(), hangs_raised(LOADING_LIMIT) as begin:
        plugins = Plugins(registry)
        plugins.load(trying=lambda plugin: begin())
        plugins.register_services(cast(Server, _NoServer(registry)))
    return registry


@click.group(
    cls=_Commands,
    # plugins find in their contexts how to load what is installed
    context_settings={"help_option_names": ["-h", "--help"], "obj": _load_installed},
)
@click.version_option(version("hansa"), prog_name="hansa")
def commands() -> None:
    """Hansa, an integration server: run one, and steer it."""


@commands.group()
def server() -> None:
    """Run a server; look after a running one."""


@server.command()
@click.option(
    "--config", "path", default="config.toml", show_default=True, help="Configuration file."
)
@click.option(
    "--http",
    "http",
    metavar="HOST:PORT",
    help="Address to listen on for HTTP; overrides the configuration file.",
)
@click.option(
    "--dir",
    "directory",
    help="Directory for everything the server writes; overrides the configuration file.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    help="Number of worker processes; overrides the configuration file.",
)
def run(path: str, http: str | None, directory: str | None, workers: int | None) -> None:
    """Run a server in the foreground until Ctrl-C or SIGTERM."""
    from .process.supervisor import run_server

    logging.getLogger("hansa.plugins").setLevel(logging.NOTSET)
    overrides: dict[str, object] = {}
    if http:
        overrides["http.address"] = http
    if workers:
        overrides["server.workers"] = workers
    try:
        run_server(path, directory=directory, overrides=overrides)
    except HansaError as error:
        _report(error)
        sys.exit(1)


@commands.group()
def plugin() -> None:
    """Installed plugins."""


@plugin.command()
@click.option(
    "--config",
    "config",
    default="config.toml",
    show_default=True,
    help="Configuration of the server; the file plugins.lock is written beside it.",
)
def lock(config: str) -> None:
    """Write which plugins are installed here, with versions and hashes, into plugins.lock.

    A server that starts with others says so in its log.
    """
    from .plugins.lock import LOCK, lock_plugins

    path = Path(config).parent / LOCK
    try:
        locked = lock_plugins(path.parent)
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror}") from None
    click.echo(f"{path}: {len(locked)} distributions")


def _report(error: HansaError) -> None:
    """Print what keeps the server from starting, a line for each fault."""
    click.echo("The server cannot start:", err=True)
    faults = error.errors if isinstance(error, Invalid) else {"": error.detail}
    for key, fault in faults.items():
        click.echo(f"  {key}: {fault}" if key else f"  {fault}", err=True)
