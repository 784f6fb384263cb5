"""`hansa queue status | list`: the queue of asynchronous calls, on the command line."""

from __future__ import annotations

from typing import Any

import click
from hansa_cli import output
from hansa_cli.client import Client
from hansa_cli.connection import command
from hansa_cli.listing import given, paging


@command("status")
def status(client: Client, as_json: bool) -> None:
    """Show how many calls wait, run, are delayed and failed, and how durable Redis is."""
    answer = client.call("admin.queue.status")
    if as_json:
        output.print_json(answer)
        return
    answer["at"] = output.moment(answer["at"])
    output.details(answer)


@command(
    "list",
    click.Option(
        ["--state"],
        type=click.Choice(["waiting", "running", "delayed"]),
        help="Only in this state.",
    ),
    click.Option(["--service"], help="Only of this service."),
    click.Option(["--cid"], help="Only those of this correlation id."),
    *paging("calls"),
)
def list_(client: Client, as_json: bool, **values: Any) -> None:
    """List the asynchronous calls that wait, run or are delayed."""
    answer = client.call("admin.queue.list", given(values))
    if as_json:
        output.print_json(answer)
        return
    rows = []
    for item in answer["items"]:
        queued = output.moment(item["at"])
        due = "" if item["due"] is None else output.moment(item["due"])
        row = [item["state"], item["service"], item["cid"], queued, item["attempt"], due]
        rows.append([*row, item["worker"]])
    columns = ["state", "service", "cid", "queued", "attempt", "due", "worker"]
    output.table(columns, rows, "calls in the queue")
    if not answer["complete"]:
        click.echo("there are more; --offset and --limit show others")


queue = click.Group("queue", help="The queue of asynchronous calls.", commands=[status, list_])
