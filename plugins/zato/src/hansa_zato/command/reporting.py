"""`hansa report zato FOLDER`: what of an installation of Zato runs here, before the switch."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click
from hansa_cli import output

from ..report.installation import report
from ..report.lines import Report, worst
from ..report.page import page
from .transfer import write_private

DIFFERS: Final = 4
"""Exit code of `--check` where something differs."""
MISSING: Final = 5
"""Exit code of `--check` where something is missing."""


@click.command("zato")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write it as a page.")
@click.option("--all", "everything", is_flag=True, help="Also what runs.")
@click.option(
    "--check",
    is_flag=True,
    help="End with 4 if something differs, and with 5 if something is missing.",
)
def report_zato(
    folder: Path, as_json: bool, html: Path | None, everything: bool, check: bool
) -> None:
    """Say what of the services and enmasse files in FOLDER runs here, what differs, and what is missing.

    Services are read, and neither imported nor run. No server is needed.
    """
    made = report(folder)
    if html is not None:
        write_private(html, page(made, everything=everything))
    if as_json:
        output.print_json(made.show())
    else:
        _show(made, everything=everything)
        if html is not None:
            click.echo(f"written to {html}")
    if check:
        sys.exit({"missing": MISSING, "differs": DIFFERS, "runs": 0}[worst(made.lines)])


def _show(made: Report, *, everything: bool) -> None:
    rows = [
        (line.where, line.status, line.subject, line.why, line.instead)
        for line in made.lines
        if everything or line.status != "runs"
    ]
    if rows:
        output.table(("where", "", "what", "why", "instead"), rows)
        click.echo()
    counts = ", ".join(f"{number} × {status}" for status, number in made.counts().items())
    click.echo(
        f"{made.services} services in {made.sources} sources, {made.objects} objects in "
        f"{made.files} files of enmasse: {counts}"
    )
