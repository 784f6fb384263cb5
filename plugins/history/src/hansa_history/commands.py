"""`hansa history list | show | revert`: the history, on the command line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click
from hansa_cli import output
from hansa_cli.client import Client
from hansa_cli.connection import command
from hansa_cli.listing import given, paging, print_rest
from hansa_cli.lost import answer_may_be_lost
from hansa_cli.moment import Moment
from hansa_cli.outcome import check_outcomes
from hansa_cli.plain import JsonObject

NAMED = 3
"""What a line of the list names of what a revision has changed, at most."""
ADVICE = "`hansa history list` shows whether there is a new revision"


@command(
    "list",
    click.Option(
        ["--object", "subject"],
        nargs=3,
        metavar="KIND TYPE NAME",
        help="Only of this definition, such as channel http orders; service package rates.py for a "
        "file.",
    ),
    click.Option(["--by"], default="", help="Only of this author."),
    click.Option(
        ["--service"], default="", help="Only by this admin service, such as admin.config.apply."
    ),
    click.Option(["--since"], type=Moment(), help="Only from then on, such as 2026-11-22T08:00."),
    click.Option(["--until"], type=Moment(), help="Only up to then."),
    *paging("revisions"),
)
def list_(
    client: Client, as_json: bool, subject: tuple[str, str, str] | None, **values: Any
) -> None:
    """List revisions, the newest first: who changed what, when, and by which admin service."""
    asked = given(values)
    if subject:
        asked["kind"], asked["type"], asked["name"] = subject
    answer = client.call("admin.history.list", asked)
    if as_json:
        output.print_json(answer)
        return
    rows = []
    for item in answer["items"]:
        row = [
            item["revision"],
            output.moment(item["at"]),
            item["by"],
            item["service"],
            _named(item),
        ]
        rows.append(row)
    output.table(["revision", "at", "by", "service", "what"], rows, "revisions")
    print_rest(len(rows), answer["total"])


def _named(item: JsonObject) -> str:
    """Return what a revision has changed, in a line."""
    first = [_label(one) for one in item["subjects"][:NAMED]]
    left = item["count"] - len(first)
    if left:
        first.append(f"{left} more")
    return ", ".join(first)


def _label(change: JsonObject) -> str:
    words = (change["action"], change["kind"], change["type"], change["name"])
    return " ".join(word for word in words if word)


@command(
    "show",
    click.Argument(["revision"], type=click.IntRange(1)),
    click.Option(["--all", "everything"], is_flag=True, help="Also settings that are the same."),
    *paging("changed definitions and files"),
)
def show(client: Client, as_json: bool, **values: Any) -> None:
    """Show one revision: settings before and after, secrets masked, and sources as diffs."""
    answer = client.call("admin.history.get", given(values))
    if as_json:
        output.print_json(answer)
        return
    click.echo(f"revision {answer['revision']}, {output.moment(answer['at'])}")
    click.echo(f"by {answer['by'] or 'Hansa'}, {answer['service'] or 'by no admin service'}")
    if not answer["before_known"]:
        click.echo("what was before is no longer known")
    for change in answer["changes"]:
        click.echo(_label(change))
        for line in _lines(change):
            click.echo(output.printable(f"    {line}"))
    print_rest(len(answer["changes"]), answer["total"])


def _lines(change: JsonObject) -> Iterator[str]:
    """Yield what has become of a definition or file, line by line."""
    for name, setting in change["settings"].items():
        if setting["secret"]:
            yield f"{name}: {setting['change']} (secret)"
        elif setting["change"] == "same":
            yield f"{name}: {output.text(setting['old'])} (same)"
        elif setting["change"] == "added":
            yield f"{name}: {output.text(setting['new'])}"
        elif setting["change"] == "removed":
            yield f"{name}: was {output.text(setting['old'])}"
        else:
            old = output.text(setting["old"]) or "nothing"
            yield f"{name}: {old} -> {output.text(setting['new']) or 'nothing'}"
    yield from change["diff"].splitlines()


@command(
    "revert",
    click.Argument(["revision"], type=click.IntRange(0)),
    click.Option(
        ["--object", "subjects"],
        nargs=3,
        multiple=True,
        metavar="KIND TYPE NAME",
        help="Only this definition, such as channel http orders, or service package rates.py for a "
        "file; may be given several times. By default everything goes back.",
    ),
    click.Option(
        ["--undo"],
        is_flag=True,
        help="Take back what REVISION has changed, instead of going back to it.",
    ),
    click.Option(["--plan"], is_flag=True, help="Only show what would be changed."),
)
def revert(
    client: Client,
    as_json: bool,
    revision: int,
    subjects: tuple[tuple[str, str, str], ...],
    undo: bool,
    plan: bool,
) -> None:
    """Make definitions and files what they were at REVISION, as a new revision.

    It is planned first, and refused if anything in the plan is changed meanwhile.
    """
    asked: JsonObject = {"revision": revision, "undo": undo}
    asked["subjects"] = [
        {"kind": kind, "type": type, "name": name} for kind, type, name in subjects
    ]
    planned = client.call("admin.history.revert", {**asked, "plan": True})
    if plan and as_json:
        output.print_json(planned)
        return
    if not as_json:
        output.changes(planned)
    if plan:
        return
    asked["seen_revision"] = planned["seen_revision"]
    with (
        output.progress(f"going back to revision {revision}", as_json),
        answer_may_be_lost(ADVICE),
    ):
        answer = client.call("admin.history.revert", asked)
    if as_json:
        output.print_json(answer)
    else:
        output.done(answer, "reverted" if answer["changes"] else "nothing to revert")
        if answer["revision"] is not None:
            click.echo(f"hansa history revert --undo {answer['revision']} takes it back")
    check_outcomes(answer)


history = click.Group("history", help="Who changed what and when, and the way back.")
for _command in (list_, show, revert):
    history.add_command(_command)
