"""`hansa cache`: the entries of caches, on the command line."""

from __future__ import annotations

import json
from typing import Any

import click
from hansa_cli import output
from hansa_cli.arguments import read_json_or_text, text_option
from hansa_cli.client import Client
from hansa_cli.connection import command
from hansa_cli.listing import given, paging, print_rest

from .matching import VARIANTS


def _cache() -> click.Option:
    return click.Option(
        ["--cache"], default="default", show_default=True, help="Name of the cache."
    )


def _matching() -> list[click.Parameter]:
    """Return new options that say which keys are meant."""
    return [
        click.Option(
            ["--variant"],
            type=click.Choice(VARIANTS),
            help="How keys are compared with --wanted.",
        ),
        click.Option(
            ["--wanted"],
            multiple=True,
            help="Text that keys are compared with; several for contains_all and contains_any.",
        ),
    ]


@command("status")
def status(client: Client, as_json: bool) -> None:
    """List the caches with their sizes and counts."""
    answer = client.call("admin.cache.status")
    if as_json:
        output.print_json(answer)
        return
    names = ("name", "items", "bytes", "hits", "misses", "written", "expired", "evicted")
    output.listing(answer["items"], {name: name for name in names}, "caches")


@command("list", _cache(), *_matching(), *paging("keys"))
def list_(client: Client, as_json: bool, **values: Any) -> None:
    """List keys of a cache."""
    answer = client.call("admin.cache.list", given(values))
    if as_json:
        output.print_json(answer)
        return
    for key in answer["items"]:
        click.echo(output.printable(key))
    print_rest(len(answer["items"]), answer["total"])


@command("get", click.Argument(["key"]), _cache())
def get(client: Client, as_json: bool, **values: Any) -> None:
    """Print the value of KEY as JSON, or in Base64 if it is bytes."""
    answer = client.call("admin.cache.get", values)
    if as_json:
        output.print_json(answer)
        return
    text = answer["base64"] or json.dumps(answer["value"], ensure_ascii=False)
    click.echo(output.printable(text))


@command(
    "set",
    click.Argument(["key"]),
    click.Argument(["value"]),
    _cache(),
    click.Option(
        ["--expiry"],
        type=float,
        help="Seconds after which it expires, 0 for never; by default as the cache says.",
    ),
    text_option("VALUE"),
)
def set_(client: Client, as_json: bool, value: str, text: bool, **values: Any) -> None:
    """Keep VALUE, which is JSON, under KEY; @FILE reads it from a file, - from standard input."""
    parsed = read_json_or_text(value, "VALUE", text=text)
    answer = client.call("admin.cache.set", {**given(values), "value": parsed})
    if as_json:
        output.print_json(answer)


@command("delete", click.Argument(["key"]), _cache())
def delete(client: Client, as_json: bool, **values: Any) -> None:
    """Delete the entry of KEY."""
    answer = client.call("admin.cache.delete", values)
    if as_json:
        output.print_json(answer)


@command("clear", _cache(), *_matching())
def clear(client: Client, as_json: bool, **values: Any) -> None:
    """Delete all entries of a cache, or those whose keys match."""
    answer = client.call("admin.cache.clear", given(values))
    if as_json:
        output.print_json(answer)
    else:
        click.echo(f"deleted: {answer['deleted']}")


cache = click.Group(
    "cache",
    help="Entries of caches, which services share.",
    commands=[status, list_, get, set_, delete, clear],
)
