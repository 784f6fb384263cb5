"""`hansa search`: find anything by a part of its text."""

from __future__ import annotations

import click

from . import output
from .client import Client
from .connection import command


@command(
    "search",
    click.Argument(["text"]),
    click.Option(
        ["--limit"],
        type=click.IntRange(1, 1000),
        default=20,
        show_default=True,
        help="Maximum number of finds of each group.",
    ),
)
def search(client: Client, as_json: bool, text: str, limit: int) -> None:
    """Find services, definitions, settings, types and deployed files by a part of their text."""
    answer = client.call("admin.search", {"text": text, "limit": limit})
    if as_json:
        output.print_json(answer)
        return
    columns = ["group", "kind", "type", "name", "where", "value"]
    output.listing(answer["items"], {key: key for key in columns}, "finds")
    if answer["more"]:
        click.echo(f"there is more of: {', '.join(answer['more'])}; --limit shows it")
