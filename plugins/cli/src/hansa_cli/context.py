"""`hansa context ...`: the clusters that commands speak to, by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from . import output
from .client import Client
from .connection import command
from .contexts import CONTEXT_FIELDS, Context, contexts_file, read_contexts

PATHS = ("dir", "password_file", "ca")
"""What is kept as an absolute path."""


@click.group()
def context() -> None:
    """Named contexts: the clusters that commands speak to."""


@context.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
def list_contexts(as_json: bool) -> None:
    """List the contexts, and which one is in use."""
    contexts = read_contexts()
    items = [
        {"name": name, "used": name == contexts.used, **vars(one)}
        for name, one in sorted(contexts.named.items())
    ]
    if as_json:
        output.print_json({"file": str(contexts_file()), "items": items})
        return
    keys = ["name", "used", *CONTEXT_FIELDS]
    output.listing(items, {key: key.replace("_", " ") for key in keys}, "contexts")


@context.command("set")
@click.argument("name")
@click.option("--server", metavar="URL", help="Address of the server.")
@click.option("--dir", metavar="DIR", help="Folder of the server or cluster: address and password.")
@click.option("--password-file", metavar="FILE", help="File with the password of the user.")
@click.option("--user", metavar="NAME", help="User to log in as; by default admin.")
@click.option("--ca", metavar="FILE", help="Certificate authority (PEM) to trust.")
def set_context(name: str, **given: str | None) -> None:
    """Add a context, or change what is given of one; an empty value takes a setting away."""
    contexts = read_contexts()
    changed = {key: _kept(key, value) for key, value in given.items() if value is not None}
    wanted = replace(contexts.named.get(name, Context()), **changed)
    if not wanted.server and not wanted.dir:
        raise click.UsageError("a context needs --server or --dir")
    contexts.named[name] = wanted
    contexts.save()
    click.echo(f"context {name} is in {contexts_file()}")


def _kept(key: str, value: str) -> str:
    if value and key in PATHS:
        return str(Path(value).expanduser().absolute())
    return value


@context.command("use")
@click.argument("name", default="")
def use_context(name: str) -> None:
    """Use a context wherever no folder of a server is found; without NAME, none."""
    contexts = read_contexts()
    if name:
        contexts.get(name)
    contexts.used = name
    contexts.save()
    click.echo(f"the context {name} is in use" if name else "no context is in use")


@context.command("delete")
@click.argument("name")
def delete_context(name: str) -> None:
    """Delete a context; nothing becomes of the cluster."""
    contexts = read_contexts()
    contexts.get(name)
    del contexts.named[name]
    if contexts.used == name:
        contexts.used = ""
    contexts.save()
    click.echo(f"deleted the context {name}")


@command("show")
def show_context(client: Client, as_json: bool) -> None:
    """Show the server that commands with these options speak to, here and now, and why."""
    password = client.password.origin if client.password else "none was found"
    found = {
        "server": client.url,
        "server_from": client.server.origin,
        "password_from": password,
        "trusts": [str(file) for file in client.trust.files],
    }
    if as_json:
        output.print_json(found)
    else:
        output.details(found)


context.add_command(show_context)
