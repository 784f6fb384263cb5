"""`hansa orphan list | delete`: definitions whose type no loaded plugin registers."""

from __future__ import annotations

import click

from . import output
from .arguments import filter_option, name_argument
from .client import Client
from .connection import command


@command("list", filter_option())
def list_orphans(client: Client, as_json: bool, filter: str) -> None:
    """List the definitions whose type no loaded plugin registers; they are kept, and do not run."""
    answer = client.call("admin.orphan.list", {"filter": filter})
    if as_json:
        output.print_json(answer)
        return
    keys = ["kind", "type", "name", "revision", "plugin"]
    output.listing(answer["items"], {key: key for key in keys}, "orphans")


@command("delete", click.Argument(["kind"]), click.Argument(["type"]), name_argument())
def delete_orphan(client: Client, as_json: bool, kind: str, type: str, name: str) -> None:
    """Delete a definition whose type no loaded plugin registers."""
    asked = {"kind": kind, "type": type, "name": name}
    answer = client.call("admin.orphan.delete", asked)
    output.report(answer, as_json, f"deleted {kind} {type} {name}")
