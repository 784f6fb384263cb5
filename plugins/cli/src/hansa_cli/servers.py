"""`hansa server status | reload`: a running server."""

from __future__ import annotations

import click

from . import output
from .client import Client
from .connection import command
from .failures import NotAsWanted
from .replaced import Replacement


@command("status")
def show_status(client: Client, as_json: bool) -> None:
    """Show the server: workers, revision, what does not run."""
    answer = client.call("admin.server.status")
    if as_json:
        output.print_json(answer)
        return
    workers = answer.pop("workers", {})
    output.details({"address": client.url, **answer})
    rows = [
        [name, worker["server"], worker["revision"], worker["not_running"] or ""]
        for name, worker in workers.items()
    ]
    output.table(["worker", "server", "revision", "not running"], rows, "workers")


@command("reload")
def reload_workers(client: Client, as_json: bool) -> None:
    """Replace the workers one by one, and wait until all are; no request is lost."""
    before = client.call("admin.server.status")["workers"]
    answer = client.call("admin.server.reload")
    with output.progress("waiting for new workers", as_json):
        results = Replacement(client, before).wait(answer["workers"])
    if as_json:
        output.print_json({**answer, "results": results})
    else:
        for worker, result in results.items():
            click.echo(f"{worker}: {output.state_line(result)}")
    kept = [worker for worker, result in results.items() if result["state"] != "replaced"]
    if kept:
        raise NotAsWanted(f"not replaced: {', '.join(kept)}")
