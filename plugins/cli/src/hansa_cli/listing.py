"""What commands that list something have in common: pages, and options as settings of a service."""

from __future__ import annotations

import click

from .plain import JsonObject


def paging(things: str, limit: int = 100) -> list[click.Parameter]:
    """Return new options for one command: which part of a list of `things` is shown, by
    default the first `limit`.
    """
    return [
        click.Option(
            ["--offset"], type=click.IntRange(0), default=0, help=f"Number of {things} to skip."
        ),
        click.Option(
            ["--limit"],
            type=click.IntRange(1, 10_000),
            default=limit,
            show_default=True,
            help=f"Maximum number of {things}.",
        ),
    ]


def given(values: JsonObject) -> JsonObject:
    """Return the options that were given, as settings of an admin service; several values of one
    option are a list.
    """
    found = {name: value for name, value in values.items() if value not in (None, "", ())}
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in found.items()
    }


def print_rest(shown: int, total: int) -> None:
    """Print that a list has more than is shown, if it has."""
    if total > shown:
        click.echo(f"{shown} of {total}; --offset and --limit show others")
