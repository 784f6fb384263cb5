"""`hansa web run`: the web admin in the foreground."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from hansa import Invalid
from hansa_cli.output import print_faults


@click.group("web")
def group() -> None:
    """The web admin."""


@group.command()
@click.option(
    "--config",
    "path",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Configuration file with the section [web].",
)
@click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the server that it shows if the configuration names no clusters; by default "
    "that of the configuration file.",
)
def run(path: Path, directory: Path | None) -> None:
    """Run the web admin in the foreground until Ctrl-C or SIGTERM."""
    from .process import run_process

    try:
        run_process(path.resolve(), (directory or path.parent).resolve())
    except Invalid as failed:
        print_faults("The web admin cannot start:", failed.errors)
        sys.exit(1)
