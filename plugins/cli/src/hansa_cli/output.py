"""What commands print: JSON for programs; tables and short lines for people."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from .plain import JsonObject

if TYPE_CHECKING:
    from rich.console import Console

ACTION_STYLE = {"create": "green", "edit": "yellow", "delete": "red"}
ACTION_MARK = {"create": "+", "edit": "~", "delete": "-"}
STATE_STYLE = {
    "running": "green",
    "loaded": "green",
    "retrying": "yellow",
    "failed": "red",
    "quarantined": "red",
    "blocked": "yellow",
    "starting": "yellow",
    "pending": "yellow",
    "unplaced": "yellow",
    "inactive": "dim",
}


_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""What steers a terminal, or turns the direction of a text; not tabs and ends of lines."""


def printable(text: str) -> str:
    """Return a text of a server with control characters escaped: others may have written it."""
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def console(stderr: bool = False) -> Console:
    """Return a rich console; wide enough to cut nothing where the output is not a terminal."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    terminal = stream.isatty()
    return Console(
        stderr=stderr, width=None if terminal else 500, soft_wrap=not terminal, highlight=False
    )


def print_faults(what: str, faults: Mapping[str, str]) -> None:
    """Print to standard error what has failed, and a line for each fault."""
    click.echo(what, err=True)
    for key, fault in faults.items():
        click.echo(f"  {key}: {fault}" if key else f"  {fault}", err=True)


def print_json(value: object) -> None:
    """Print an answer as the server returned it, indented."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


@contextmanager
def progress(activity: str, quiet: bool) -> Iterator[None]:
    """Show an activity on standard error while it goes on; nothing where that is not a terminal."""
    if quiet or not sys.stderr.isatty():
        yield
        return
    with console(stderr=True).status(activity):
        yield


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], title: str = "") -> None:
    """Print a table, or a line that there are no rows; `title` names what the rows are."""
    from rich.table import Table
    from rich.text import Text

    if not rows:
        click.echo(f"no {title}" if title else "nothing")
        return
    made = Table(*columns, box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for row in rows:
        cells = [text(value) for value in row]
        made.add_row(*(Text(cell, style=STATE_STYLE.get(cell, "")) for cell in cells))
    console().print(made)


def listing(items: Iterable[JsonObject], columns: Mapping[str, str], title: str = "") -> None:
    """Print a table with a row for each object; `columns` has the heading of each key to show."""
    rows = [[item.get(key, "") for key in columns] for item in items]
    table(list(columns.values()), rows, title)


def text(value: object) -> str:
    """Return a value as a cell shows it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return printable(", ".join(value))
    return printable(json.dumps(value, ensure_ascii=False))


def moment(seconds: float) -> str:
    """Return a time, given in seconds of the Unix epoch, in local time."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def details(value: JsonObject) -> None:
    """Print one object with a line for each of its keys."""
    from rich.table import Table
    from rich.text import Text

    made = Table.grid(padding=(0, 2))
    for key, inner in value.items():
        cell = text(inner)
        if key == "states" and isinstance(inner, dict):
            states = [f"{worker}: {state_line(state)}" for worker, state in inner.items()]
            cell = "\n".join(states)
        made.add_row(Text(key, style="bold"), Text(cell))
    console().print(made)


def state_line(state: JsonObject) -> str:
    """Return the state of an object in one worker: since when, and why."""
    line = str(state.get("state"))
    if state.get("since"):
        line += f" since {moment(state['since'])}"
    if state.get("why"):
        line += f": {state['why']}"
    return line


def done(answer: JsonObject, what: str) -> None:
    """Print what was changed, the revision, and which workers have not yet applied it."""
    line = what
    if answer.get("revision") is not None:
        line += f", revision {answer['revision']}"
    if answer.get("pending"):
        line += f"; not yet applied by {', '.join(answer['pending'])}"
    click.echo(line)


def report(answer: JsonObject, as_json: bool, what: str) -> None:
    """Print the answer to a change: as JSON, or what was changed."""
    if as_json:
        print_json(answer)
    else:
        done(answer, what)


def changes(answer: JsonObject) -> None:
    """Print the changes of a plan, with the settings of each below it, and their number."""
    from rich.text import Text

    out = console()
    for change in answer["changes"]:
        action = change["action"]
        label = " ".join(
            [ACTION_MARK[action], action, change["kind"], change["type"], change["name"]]
        )
        out.print(Text(label, style=ACTION_STYLE[action]))
        for line in _changed_settings(change):
            out.print(Text(f"    {line}"))
    actions = [change["action"] for change in answer["changes"]]
    counts = [f"{actions.count(action)} to {action}" for action in ACTION_STYLE]
    click.echo(f"{', '.join(counts)}, {answer['unchanged']} unchanged")


def _changed_settings(change: JsonObject) -> Iterator[str]:
    for name, setting in change["settings"].items():
        old = text(setting["old"])
        new = text(setting["new"])
        if change["kind"] == "service":
            yield "source"
        elif change["action"] == "edit":
            yield f"{name}: {old or 'nothing'} -> {new or 'nothing'}"
        elif change["action"] == "create":
            yield f"{name}: {new}"
