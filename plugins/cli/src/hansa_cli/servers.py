"""`hansa server status | reload`: a running server."""

from __future__ import annotations

from . import output
from .client import Client
from .connection import command


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
    """Replace the workers one by one; no request is lost."""
    answer = client.call("admin.server.reload")
    output.report(answer, as_json, "the workers are being replaced, one by one")
