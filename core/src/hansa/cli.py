"""The `hansa` command: `server run`, and whatever commands the installed plugins add."""

from __future__ import annotations

import logging
import sys
from importlib.metadata import version
from typing import Any

import click

from .foundation.errors import HansaError, Invalid
from .plugins.discovery import EARLY, Plugins
from .plugins.registry import Registry


class _Commands(click.Group):
    """Asks plugins for their commands only when a command line is parsed."""

    _asked = False

    def _ask(self) -> None:
        # PERF: a server that starts needs no commands of plugins
        if not self._asked and sys.argv[1:3] != ["server", "run"]:
            self._asked = True
            logging.getLogger("hansa.plugins").setLevel(logging.CRITICAL)
            plugins = Plugins(Registry(), (EARLY,))
            try:
                plugins.load()
            except Invalid as invalid:
                click.echo(f"Commands of some plugins are missing: {invalid}", err=True)
            for found in plugins.hook.hansa_commands.get_hookimpls():
                try:
                    found.function(self)
                except Exception as error:
                    name = found.plugin_name.partition(":")[0]
                    click.echo(
                        f"Commands of the plugin {name} are missing: {type(error).__name__}: {error}",
                        err=True,
                    )

    def list_commands(self, context: click.Context) -> list[str]:
        self._ask()
        return super().list_commands(context)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        self._ask()
        return super().get_command(context, name)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
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
    "--http", "http", metavar="HOST:PORT", help="Listen here for HTTP, whatever the file says."
)
@click.option(
    "--dir", "directory", help="Folder of everything the server writes, whatever the file says."
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    help="Number of worker processes, whatever the file says.",
)
def run(path: str, http: str | None, directory: str | None, workers: int | None) -> None:
    """Run a server in the foreground until Ctrl-C or SIGTERM."""
    from .process.supervisor import run_server

    logging.getLogger("hansa.plugins").setLevel(logging.NOTSET)
    given: dict[str, Any] = {"http.address": http, "server.workers": workers}
    overrides = {key: value for key, value in given.items() if value}
    try:
        run_server(path, directory=directory, overrides=overrides)
    except HansaError as failed:
        click.echo("The server cannot start:", err=True)
        for key, fault in getattr(failed, "errors", {"": failed.detail}).items():
            click.echo(f"  {key}: {fault}" if key else f"  {fault}", err=True)
        sys.exit(1)
