"""`hansa worker threads | profile`: what the workers of a running cluster do, for who looks for a hung
or a slow service.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from . import output
from .client import Client
from .connection import command
from .plain import JsonObject

LONGEST = 60.0
"""Seconds that a profile takes at most."""
NOT_KNOWN = "not known: the worker has more than 100 threads, and this is none of the newest 100"


def _worker() -> click.Argument:
    return click.Argument(["worker"], required=False, default="", metavar="[WORKER]")


@command("threads", _worker())
def show_threads(client: Client, as_json: bool, worker: str) -> None:
    """Show what each thread of a worker executes at the moment, or of all workers of the cluster."""
    answer = client.call("admin.worker.threads", {"worker": worker})
    if as_json:
        output.print_json(answer)
        return
    for name, found in answer["workers"].items():
        click.echo(_title(name, found))
        for thread in found.get("threads", ()):
            click.echo(f"\n  {output.printable(thread['name'])} ({thread['number']})")
            for frame in thread["stack"] or [NOT_KNOWN]:
                click.echo(f"    {output.printable(frame)}")
        click.echo()


@command(
    "profile",
    _worker(),
    click.Option(
        ["--seconds"],
        type=click.FloatRange(0.1, LONGEST),
        default=5.0,
        show_default=True,
        help="For how long the threads are looked at.",
    ),
    click.Option(
        ["--folded"],
        type=click.Path(dir_okay=False, writable=True, path_type=Path),
        help="File to write stacks to, as programs that draw flame graphs read them.",
    ),
)
def show_profile(
    client: Client, as_json: bool, worker: str, seconds: float, folded: Path | None
) -> None:
    """Show which functions of a worker use the processor, or of all workers of the cluster."""
    asked: dict[str, Any] = {"worker": worker, "seconds": seconds}
    with output.progress(f"looking for {seconds:g} s", as_json):
        answer = client.call("admin.worker.profile", asked)
    if folded is not None:
        folded.write_text("".join(f"{line}\n" for line in _folded(answer)), "utf-8")
    if as_json:
        output.print_json(answer)
        return
    for name, found in answer["workers"].items():
        rows = [
            [one["own_ms"], one["total_ms"], one["function"], one["file"]]
            for one in found.get("functions", ())
        ]
        output.table(["own ms", "total ms", "function", "file"], rows, _title(name, found))


def _title(name: str, found: JsonObject) -> str:
    said = found["error"] if "error" in found else f"process {found['pid']}"
    return output.printable(f"{name}: {said}")


def _folded(answer: JsonObject) -> list[str]:
    return [
        f"{name};{line}"
        for name, found in answer["workers"].items()
        for line in found.get("stacks", ())
    ]
