"""`hansa landscape show`: who calls whom, on the command line."""

from __future__ import annotations

from typing import Any, get_args

import click
from hansa_cli import output
from hansa_cli.client import Client
from hansa_cli.connection import command
from hansa_cli.listing import given
from hansa_cli.plain import JsonObject

from ..choices import Grouping, Seen
from ..commands import time_options, write

EDGE = ("count", "errors", "rate", "p95")
NODE = ("count", "errors", "rate")


@command(
    "show",
    *time_options(),
    click.Option(["--focus"], help="Only what is linked to this: KIND TYPE NAME, or service NAME."),
    click.Option(
        ["--depth"],
        type=click.IntRange(1, 3),
        default=1,
        show_default=True,
        help="Number of steps around the focus.",
    ),
    click.Option(["--text"], help="Only nodes whose names contain this, and what is linked."),
    click.Option(
        ["--seen"],
        type=click.Choice(get_args(Seen)),
        default="any",
        show_default=True,
        help="Only what was called in this time, or only what was not.",
    ),
    click.Option(["--errors"], is_flag=True, help="Only what failed."),
    click.Option(
        ["--kind", "kinds"],
        multiple=True,
        help="Kinds to show, by default channel, service and outgoing; several times for several.",
    ),
    click.Option(["--builtin"], is_flag=True, help="Also what comes with plugins and is not used."),
    click.Option(
        ["--group"],
        type=click.Choice(get_args(Grouping)),
        default="never",
        show_default=True,
        help="Put services of a file together, and definitions of a type.",
    ),
)
def show(client: Client, as_json: bool, as_csv: bool, **values: Any) -> None:
    """Show who calls whom, as settings define it and as calls were observed: calls, errors, calls a
    second, durations in milliseconds. What is linked to nothing has a line of its own.
    """
    answer = client.call("admin.landscape.get", given(values))
    if as_json:
        output.print_json(answer)
        return
    rows = [*edge_rows(answer, as_csv), *lone_rows(answer, as_csv)]
    write(["from", "to", "status", "by", *EDGE, "last"], rows, as_csv)


def edge_rows(answer: JsonObject, as_csv: bool) -> list[list[object]]:
    """Return a row for each edge."""
    rows = []
    for edge in answer["edges"]:
        by = " ".join([*edge["settings"], *edge["ways"]])
        ends = [edge["source"], edge["target"], edge["status"], by]
        rows.append([*ends, *(edge[key] for key in EDGE), _moment(edge["last"], as_csv)])
    return rows


def lone_rows(answer: JsonObject, as_csv: bool) -> list[list[object]]:
    """Return a row for each node without an edge."""
    linked = {edge[end] for edge in answer["edges"] for end in ("source", "target")}
    rows = []
    for node in answer["nodes"]:
        if node["id"] not in linked:
            figures = [node[key] for key in NODE]
            rows.append([node["id"], "", "", "", *figures, "", _moment(node["last"], as_csv)])
    return rows


def _moment(at: float, as_csv: bool) -> object:
    if not at:
        return "" if as_csv else "never"
    return at if as_csv else output.moment(at)


landscape = click.Group("landscape", help="Who calls whom: channels, services and connections.")
landscape.add_command(show)
