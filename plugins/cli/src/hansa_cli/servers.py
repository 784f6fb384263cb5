"""`hansa server status | reload` and `hansa plugin ...`: a running server and its plugins."""

from __future__ import annotations

import click

from . import output
from .arguments import name_argument
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


@command("list")
def list_plugins(client: Client, as_json: bool) -> None:
    """List the installed plugins and what each provides."""
    answer = client.call("admin.plugin.list")
    if as_json:
        output.print_json(answer)
        return
    items = [{**item, "services": len(item["services"])} for item in answer["items"]]
    keys = ["name", "version", "status", "why", "types", "services"]
    output.listing(items, {key: key for key in keys}, "plugins")


@command("reload", name_argument())
def reload_plugin(client: Client, as_json: bool, name: str) -> None:
    """Load a plugin anew from its files."""
    answer = client.call("admin.plugin.reload", {"name": name})
    output.report(answer, as_json, f"{name}: being loaded anew")


@command(
    "block",
    name_argument(),
    click.Option(["--off", "off"], is_flag=True, help="Let it be loaded again."),
)
def block_plugin(client: Client, as_json: bool, name: str, off: bool) -> None:
    """Keep a plugin from being loaded."""
    answer = client.call("admin.plugin.block", {"name": name, "blocked": not off})
    output.report(answer, as_json, f"{name}: {'loaded again' if off else 'blocked'}")
