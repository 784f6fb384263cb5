"""`hansa report zato FOLDER`: what of an installation of Zato runs here, before the switch."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click
from hansa_cli import output
from hansa_cli.files import write_private

from ..report.installation import report
from ..report.lines import Report, worst
from ..report.page import page

DIFFERS: Final = 4
"""Exit code of `--check` where something differs."""
MISSING: Final = 5
"""Exit code of `--check` where something is missing."""


def run_report(
    folder: Path, *, as_json: bool, html: Path | None, everything: bool, check: bool
) -> None:
    """Print the report of a folder, and write it as a page if asked to."""
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
        f"{made.files} files of enmasse, {made.settings} settings: {counts}"
    )
