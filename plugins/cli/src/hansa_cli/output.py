"""What commands print: JSON for programs, tables and short lines for people."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

ACTION_STYLE = {"create": "green", "edit": "yellow", "delete": "red"}
STATE_STYLE = {
    "running": "green",
    "loaded": "green",
    "retrying": "yellow",
    "failed": "red",
    "blocked": "yellow",
    "inactive": "dim",
}


def console(stderr: bool = False) -> Any:
    """A rich console; as wide as needed where the output is no terminal, so that nothing is cut."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(
        stderr=stderr,
        width=None if stream.isatty() else 500,
        soft_wrap=not stream.isatty(),
        highlight=False,
    )


def print_json(value: Any) -> None:
    """The answer as the server gave it, indented."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


@contextmanager
def progress(text: str, quiet: bool) -> Iterator[None]:
    """Show on standard error that something is going on, while it is; nothing where that is no terminal."""
    if quiet or not sys.stderr.isatty():
        yield
        return
    with console(stderr=True).status(text):
        yield


def table(columns: list[str], rows: list[list[Any]], title: str = "") -> None:
    """A table with the given columns, or a line that there is nothing."""
    from rich.table import Table
    from rich.text import Text

    if not rows:
        click.echo(f"no {title}" if title else "nothing")
        return
    made = Table(*columns, box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for row in rows:
        made.add_row(*(Text(text(cell), style=STATE_STYLE.get(text(cell), "")) for cell in row))
    console().print(made)


def text(value: Any) -> str:
    """A value as a cell shows it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return json.dumps(value, ensure_ascii=False)


def details(value: dict[str, Any]) -> None:
    """One object, a line per setting."""
    from rich.table import Table
    from rich.text import Text

    made = Table.grid(padding=(0, 2))
    for key, inner in value.items():
        if key == "states" and isinstance(inner, dict):
            inner = "\n".join(f"{worker}: {state_line(state)}" for worker, state in inner.items())
        made.add_row(Text(key, style="bold"), Text(text(inner)))
    console().print(made)


def state_line(state: dict[str, Any]) -> str:
    """How one worker has it, why and since when."""
    since = (
        f" since {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(state['since']))}"
        if state.get("since")
        else ""
    )
    return f"{state.get('state')}{since}" + (f": {state['why']}" if state.get("why") else "")


def done(answer: dict[str, Any], what: str) -> None:
    """A change that was made: what, its revision, and which workers still lack it."""
    line = what + (f", revision {answer['revision']}" if answer.get("revision") is not None else "")
    pending = answer.get("pending") or []
    if pending:
        line += f"; not yet applied by {', '.join(pending)}"
    click.echo(line)


def changes(answer: dict[str, Any]) -> None:
    """The steps of a plan, settings below each."""
    from rich.text import Text

    out = console()
    for change in answer["changes"]:
        mark = {"create": "+", "edit": "~", "delete": "-"}[change["action"]]
        label = f"{mark} {change['action']} {change['kind']} {change['type']} {change['name']}"
        out.print(Text(label, style=ACTION_STYLE[change["action"]]))
        for name, setting in change["settings"].items():
            old, new = text(setting["old"]), text(setting["new"])
            if change["kind"] == "service":
                out.print(Text("    source"))
            elif change["action"] == "edit":
                out.print(Text(f"    {name}: {old or 'nothing'} -> {new or 'nothing'}"))
            elif change["action"] == "create":
                out.print(Text(f"    {name}: {new}"))
    counts = [
        f"{sum(c['action'] == action for c in answer['changes'])} to {action}"
        for action in ACTION_STYLE
    ]
    click.echo(f"{', '.join(counts)}, {answer['unchanged']} unchanged")
