"""`hansa log search | tail | groups`: the logs of all servers, on the command line."""

from __future__ import annotations

import time
from typing import Any, get_args

import click
from hansa_cli import output
from hansa_cli.client import Client
from hansa_cli.connection import command
from hansa_cli.listing import given
from hansa_cli.moment import Moment
from hansa_cli.plain import JsonObject

from .commands import moment
from .logs.query import MOST_LINES, Level

PAUSE = 1.0
"""Seconds between two looks for new lines."""


def conditions() -> list[click.Parameter]:
    """Return new options for one command: the conditions on lines."""
    return [
        click.Option(["--cid"], multiple=True, help="Only lines of this correlation id."),
        click.Option(["--level"], type=click.Choice(get_args(Level)), help="Lowest level."),
        click.Option(["--logger"], default="", help="Only of this logger and those below it."),
        click.Option(["--text"], default="", help="Only lines that contain this text."),
        click.Option(["--on", "servers"], multiple=True, help="Only of this server."),
    ]


def span() -> list[click.Parameter]:
    """Return new options for one command: the time in which lines were written."""
    return [
        click.Option(
            ["--since"], type=Moment(), help="Only of then or later, such as 2026-11-22T08:00."
        ),
        click.Option(["--until"], type=Moment(), help="Only of then or before."),
    ]


def limit(default: int) -> click.Option:
    """Return a new option for one command: how many lines."""
    return click.Option(
        ["--limit"],
        type=click.IntRange(1, MOST_LINES),
        default=default,
        show_default=True,
        help="Maximum number of lines, the newest ones.",
    )


@command("search", *conditions(), *span(), limit(200))
def search(client: Client, as_json: bool, **values: Any) -> None:
    """Show the newest lines that meet conditions, of all servers, the oldest first."""
    answer = client.call("admin.log.read", given(values))
    if as_json:
        output.print_json(answer)
        return
    print_lines(answer)
    print_missing(answer["missing"])
    if answer["more"]:
        click.echo("older lines match, too: --until shows them", err=True)


@command(
    "tail",
    *conditions(),
    limit(20),
    click.Option(["--once"], is_flag=True, help="Show the newest lines, and wait for no others."),
)
def tail(client: Client, as_json: bool, once: bool, **values: Any) -> None:
    """Show new lines of all servers as they are written, until Ctrl-C; with --json, an answer of
    the admin API each time.
    """
    asked = given(values)
    said: list[str] = []
    while True:
        answer = client.call("admin.log.read", asked)
        if as_json:
            output.print_json(answer)
        else:
            print_lines(answer)
            print_missing([one for one in answer["missing"] if one not in said])
        if once:
            return
        said = answer["missing"]
        asked |= {"cursor": answer["cursor"], "limit": MOST_LINES}
        time.sleep(PAUSE)


@command("groups", *conditions(), *span())
def groups(client: Client, as_json: bool, **values: Any) -> None:
    """Group lines that differ in numbers and identifiers only, by default warnings and errors."""
    answer = client.call("admin.log.groups", given(values))
    if as_json:
        output.print_json(answer)
        return
    rows = []
    for item in answer["items"]:
        last = output.moment(item["last"])
        row = [item["count"], item["level"], item["logger"], last, item["latest_cid"]]
        rows.append([*row, item["pattern"]])
    columns = ["lines", "level", "logger", "last", "latest cid", "pattern"]
    output.table(columns, rows, "such lines")
    print_missing(answer["missing"])


def print_lines(answer: JsonObject) -> None:
    """Print the lines of an answer."""
    for line in answer["items"]:
        source = f"{line['server']} {line['level']} {line['logger']} {line['cid']}"
        click.echo(output.printable(f"{moment(line['at'])} {source} - {line['message']}"))


def print_missing(sentences: list[str]) -> None:
    """Say what could not be read, where it does not mix with the lines."""
    for sentence in sentences:
        click.echo(output.printable(sentence), err=True)


log = click.Group("log", help="The logs of all servers: searched, followed, grouped.")
for _command in (search, tail, groups):
    log.add_command(_command)
