"""`hansa check-config`, `start`, `stop`, `info` and `kvdb run`: an existing cluster, or one
component.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..failure import INVALID, RUNNING, Failure

if TYPE_CHECKING:
    from ..component import Component

EXISTING_FOLDER = click.argument(
    "path", type=click.Path(path_type=Path, file_okay=False, exists=True)
)


@click.command("check-config")
@EXISTING_FOLDER
def check_config(path: Path) -> None:
    """Check a server, or each server of a cluster: configuration, and connections to ODB and Redis."""
    from ..component import SERVER, open_component

    component = open_component(path)
    servers = component.parts_of(SERVER) or [component]
    failures: list[str] = []
    for server in servers:
        prefix = f"{server.name}: " if component.is_cluster else ""
        failures += [prefix + failure for failure in _check(server, prefix)]
    if failures:
        raise Failure("\n".join(failures), INVALID)


def _check(component: Component, prefix: str) -> list[str]:
    """Check a component, and print what is in order; returns the failures."""
    from .. import checks
    from ..component import SERVER

    if component.kind != SERVER:
        component.raw()
        click.echo("config.toml OK")
        return []
    found = checks.check_server(component)
    for line in found.passed:
        click.echo(prefix + line)
    for warning in found.warnings:
        click.echo(f"{prefix}Warning: {warning}", err=True)
    return found.failures


@click.command()
@EXISTING_FOLDER
@click.option("--fg", "foreground", is_flag=True, help="Stay in the foreground; Ctrl-C stops.")
def start(path: Path, foreground: bool) -> None:
    """Start a cluster, or one component, in the background, once sanity checks have passed."""
    from ..component import open_component
    from ..start import Start, run_in_place

    component = open_component(path)
    if foreground and component.has_process:
        run_in_place(component)
    starting = Start(component, foreground=foreground)
    if foreground and starting.running and component.is_cluster:
        names = ", ".join(part.name for part in starting.running)
        raise Failure(f"stop what is running in the background first: {names}", RUNNING)
    starting.run()


@click.command()
@EXISTING_FOLDER
@click.option("--delete-pidfiles", is_flag=True, hidden=True, help="Done in any case.")
def stop(path: Path, delete_pidfiles: bool) -> None:
    """Stop a cluster, or one component: what was accepted is finished first."""
    from ..component import open_component
    from ..stop import stop_all

    stop_all(open_component(path))


@click.command()
@EXISTING_FOLDER
@click.option(
    "--format",
    "format",
    type=click.Choice(["text", "json", "yaml"]),
    default="text",
    show_default=True,
    help="Output format.",
)
@click.option(
    "--cols_width", default="30,30", show_default=True, help="Widths of the table's two columns."
)
def info(path: Path, format: str, cols_width: str) -> None:
    """Show what a component is, whether it runs, and what the system knows about its process."""
    from ..component import open_component
    from ..info import facts_about, render

    try:
        first, second = (max(5, int(width)) for width in cols_width.split(","))
    except ValueError:
        raise click.UsageError("--cols_width: two numbers, such as 30,90") from None
    click.echo(render(facts_about(open_component(path)), format, (first, second)))


@click.group()
def kvdb() -> None:
    """The embedded Valkey that the servers of a cluster share."""


@kvdb.command("run")
@click.option(
    "--config",
    "config",
    type=click.Path(path_type=Path),
    help="Configuration file; by default the one in --dir.",
)
@click.option(
    "--dir",
    "directory",
    required=True,
    type=click.Path(path_type=Path, exists=True),
    help="Folder of the component.",
)
def run_kvdb(config: Path | None, directory: Path) -> None:
    """Run it in the foreground until Ctrl-C or SIGTERM."""
    from hansa import HansaError

    from ..component import KVDB, open_component
    from ..kvdb import run

    component = open_component(directory)
    other_config = config is not None and config.resolve() != component.config
    if component.kind != KVDB or other_config:
        message = f"{directory} is not the folder of an embedded Valkey with that configuration"
        raise Failure(message, INVALID)
    try:
        run(component)
    except HansaError as error:
        raise Failure(str(error)) from None
