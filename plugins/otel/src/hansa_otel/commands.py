"""`hansa otel`: how the telemetry is going, on the command line."""

from __future__ import annotations

import click
from hansa_cli import output
from hansa_cli.client import Client
from hansa_cli.connection import command

COLUMNS = ["worker", "sent", "waiting", "lost", "taken", "trouble"]


@command("otel")
def otel(client: Client, as_json: bool) -> None:
    """Show how the telemetry of each worker is going: spans sent, waiting and lost, when the collector
    last took anything, and why it does not.
    """
    answer = client.call("admin.otel.state", {})
    if as_json:
        output.print_json(answer)
        return
    rows: list[list[object]] = []
    for worker in answer["items"]:
        trouble = "; ".join(f"{signal}: {why}" for signal, why in worker["failing"].items())
        if not worker["enabled"]:
            trouble = "nothing is sent: [otel] enabled is false"
        taken = "" if worker["taken_at"] is None else output.moment(worker["taken_at"])
        lost = sum(worker["lost"].values())
        rows.append([worker["worker"], worker["sent"], worker["waiting"], lost, taken, trouble])
    output.table(COLUMNS, rows, "telemetry of this cluster")
    for worker, why in answer["missing"].items():
        click.echo(output.printable(f"{worker} did not answer: {why}"))
