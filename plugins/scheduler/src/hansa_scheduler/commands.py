"""`hansa job runs`: the last runs of jobs, on the command line."""

from __future__ import annotations

from typing import Any

import click
from hansa_cli import output
from hansa_cli.client import Client
from hansa_cli.connection import command
from hansa_cli.listing import given

COLUMNS = {
    "job": "job",
    "planned": "planned",
    "at": "began",
    "outcome": "outcome",
    "ms": "ms",
    "attempt": "attempt",
    "server": "server",
    "cid": "cid",
    "error": "error",
}


@command(
    "runs",
    click.Argument(["name"], default=""),
    click.Option(
        ["--runs"],
        type=click.IntRange(1, 1000),
        default=20,
        show_default=True,
        help="Maximum number of runs of each job.",
    ),
)
def runs(client: Client, as_json: bool, **values: Any) -> None:
    """List the last runs of the job NAME, or of all jobs, the newest first.

    What was missed is among them.
    """
    answer = client.call("admin.job.runs", given(values))
    if as_json:
        output.print_json(answer)
        return
    rows = []
    for job in answer["items"]:
        for run in job["runs"]:
            planned = "by hand" if run["by_hand"] else run["planned"]
            if run["until"]:
                planned = f"{planned} to {run['until']}"
            row = {**run, "job": job["name"], "planned": planned, "at": output.moment(run["at"])}
            rows.append(row)
    output.listing(rows, COLUMNS, "runs")


job = click.Group("job", help="Jobs: what they have run.", commands=[runs])
