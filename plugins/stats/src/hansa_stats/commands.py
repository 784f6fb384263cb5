"""`hansa stats top | show | compare`: the statistics, on the command line."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Sequence
from typing import Any, get_args

import click
from hansa_cli import output
from hansa_cli.client import Client
from hansa_cli.connection import command
from hansa_cli.listing import given, paging, print_rest
from hansa_cli.moment import Moment

from .choices import By, Order, SpanName, StepName

FIGURES = ("count", "errors", "mean", "p50", "p95", "p99", "max", "count_share", "time_share")
COMPARED = ("count", "errors", "mean", "p95", "p99", "max")


def span_options() -> list[click.Parameter]:
    """Return new options for one command: what is asked for, of which time, and how it is printed."""
    by = click.Option(
        ["--by"],
        type=click.Choice(get_args(By)),
        default="service",
        help="What to count calls by.",
    )
    return [by, *time_options()]


def time_options() -> list[click.Parameter]:
    """Return new options for one command: of which time something is asked for, and how it is
    printed.
    """
    return [
        click.Option(
            ["--span"],
            type=click.Choice(get_args(SpanName)),
            default="hour",
            show_default=True,
            help="Time that ends now, or at --until.",
        ),
        click.Option(["--since"], type=Moment(), help="Begin, such as 2026-11-22T08:00."),
        click.Option(["--until"], type=Moment(), help="End; by default now."),
        click.Option(["--csv", "as_csv"], is_flag=True, help="Print CSV, in milliseconds."),
    ]


def list_options() -> list[click.Parameter]:
    """Return new options for one command: which part of a list, and in which order."""
    return [
        click.Option(
            ["--order"],
            type=click.Choice(get_args(Order)),
            default="count",
            show_default=True,
            help="Figure to sort by, the largest first.",
        ),
        click.Option(["--text"], default="", help="Only names that contain this text."),
        *paging("names", limit=50),
    ]


def write(columns: Sequence[str], rows: Iterable[Sequence[object]], as_csv: bool) -> None:
    """Print rows, as a table or as CSV (RFC 4180)."""
    if not as_csv:
        output.table(columns, list(rows), "calls")
        return
    writer = csv.writer(sys.stdout, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([guarded(cell) for cell in row] for row in rows)


def guarded(cell: object) -> object:
    """Return a cell such that a spreadsheet takes no name for a formula."""
    if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{cell}"
    return cell


@command("top", *span_options(), *list_options())
def top(client: Client, as_json: bool, as_csv: bool, **values: Any) -> None:
    """List the most used, or by --order the slowest: calls, errors and durations in milliseconds."""
    answer = client.call("admin.statistics.top", given(values))
    if as_json:
        output.print_json(answer)
        return
    rows = [[item["name"], *(item[key] for key in FIGURES)] for item in answer["items"]]
    write(["name", *FIGURES], rows, as_csv)
    if not as_csv:
        print_rest(len(rows), answer["total"])


@command(
    "show",
    click.Argument(["name"], default=""),
    *span_options(),
    click.Option(
        ["--step"],
        type=click.Choice(get_args(StepName)),
        help="Show the course, in points of this length, instead of the figures of the whole time.",
    ),
)
def show(client: Client, as_json: bool, as_csv: bool, step: str | None, **values: Any) -> None:
    """Show the figures of one service, or of all together: of the whole time, or its course."""
    asked = given(values)
    if step is None:
        answer = client.call("admin.statistics.summary", asked)
        items = [{"at": answer["since"], "figures": answer["figures"]}]
    else:
        answer = client.call("admin.statistics.series", {**asked, "step": step})
        items = answer["items"]
    if as_json:
        output.print_json(answer)
        return
    rows = []
    for item in items:
        at = item["at"] if as_csv else output.moment(item["at"])
        rows.append([at, *(item["figures"][key] for key in FIGURES)])
    write(["from", *FIGURES], rows, as_csv)


@command(
    "compare",
    *span_options(),
    *list_options(),
    click.Option(
        ["--before-since"],
        type=Moment(),
        help="Begin of the time to compare with; by default the one of the same length before.",
    ),
    click.Option(["--before-until"], type=Moment(), help="End of the time to compare with."),
)
def compare(client: Client, as_json: bool, as_csv: bool, **values: Any) -> None:
    """Compare two times: the figures now, and their change in percent."""
    answer = client.call("admin.statistics.compare", given(values))
    if as_json:
        output.print_json(answer)
        return
    columns = ["name"]
    for key in COMPARED:
        columns += [key, f"{key} %"]
    rows = []
    for item in answer["items"]:
        row = [item["name"]]
        for key in COMPARED:
            row += [item["now"][key], item["change"][key]]
        rows.append(row)
    write(columns, rows, as_csv)
    if not as_csv:
        print_rest(len(rows), answer["total"])


stats = click.Group("stats", help="Calls, errors and durations: the slowest, the most used.")
for _command in (top, show, compare):
    stats.add_command(_command)
