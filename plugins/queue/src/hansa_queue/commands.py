"""`hansa failed list | groups | get | edit | replay | delete | export`: failed messages, on the
command line.
"""

from __future__ import annotations

import time
from typing import Any

import click
from hansa_cli import output
from hansa_cli.arguments import read_json
from hansa_cli.client import Client
from hansa_cli.connection import command
from hansa_cli.listing import given, paging, print_rest
from hansa_cli.moment import Moment
from hansa_cli.plain import JsonObject

PAGE = 1000
"""Messages that one request of an export asks for."""


def conditions() -> list[click.Parameter]:
    """Return new options for one command: the conditions on failed messages."""
    return [
        click.Option(["--service"], default="", help="Only of this service."),
        click.Option(["--cause"], default="", help="Only those whose cause contains this text."),
        click.Option(
            ["--group", "groups"],
            multiple=True,
            help="Only of this group, or one of these, as `hansa failed groups` names them.",
        ),
        click.Option(["--cid"], default="", help="Only those of this correlation id."),
        click.Option(["--on", "server"], default="", help="Only those that failed on this server."),
        click.Option(
            ["--since"],
            type=Moment(),
            help="Only those that failed then or later, such as 2026-11-22T08:00.",
        ),
        click.Option(["--until"], type=Moment(), help="Only those that failed then or before."),
    ]


def selection() -> list[click.Parameter]:
    """Return new parameters for one command: messages by id, by conditions, or all."""
    everything = click.Option(["--all", "all"], is_flag=True, help="All of them.")
    return [click.Argument(["ids"], nargs=-1, metavar="[ID]..."), *conditions(), everything]


def payload_option() -> click.Option:
    """Return a new option for one command: another payload."""
    return click.Option(
        ["--payload"], help="Payload as JSON; @FILE reads a file, - standard input."
    )


def first_line(text: str) -> str:
    """Return the first line of a cause."""
    return text.partition("\n")[0]


@command("list", *conditions(), *paging("messages"))
def list_(client: Client, as_json: bool, **values: Any) -> None:
    """List the messages that ran out of attempts, the latest first."""
    answer = client.call("admin.failed.list", given(values))
    if as_json:
        output.print_json(answer)
        return
    rows = []
    for item in answer["items"]:
        failed_at = output.moment(item["at"])
        cause = first_line(item["cause"])
        row = [item["id"], failed_at, item["service"], item["attempts"], item["cid"], cause]
        rows.append(row)
    columns = ["id", "failed at", "service", "attempts", "cid", "cause"]
    output.table(columns, rows, "failed messages")
    print_rest(len(rows), answer["total"])


@command("groups", *conditions())
def groups(client: Client, as_json: bool, **values: Any) -> None:
    """Group the failed messages by service and cause, the largest group first."""
    answer = client.call("admin.failed.groups", given(values))
    if as_json:
        output.print_json(answer)
        return
    rows = []
    for item in answer["items"]:
        first = output.moment(item["first"])
        last = output.moment(item["last"])
        rows.append([item["group"], item["count"], item["service"], first, last, item["cause"]])
    columns = ["group", "messages", "service", "first", "last", "cause"]
    output.table(columns, rows, "failed messages")


@command("get", click.Argument(["id"]))
def get(client: Client, as_json: bool, id: str) -> None:
    """Show one failed message: its input, cause, traceback and history."""
    answer = client.call("admin.failed.get", {"id": id})
    if as_json:
        output.print_json(answer)
        return
    trace: str = answer.pop("traceback")
    history: list[JsonObject] = answer.pop("history")
    for name in ("created", "at"):
        answer[name] = output.moment(answer[name])
    output.details(answer)
    rows = []
    for attempt in history:
        at = output.moment(attempt["at"])
        cause = first_line(attempt["cause"])
        rows.append([attempt.get("attempt") or "", at, attempt.get("worker", ""), cause])
    output.table(["attempt", "at", "worker", "what"], rows)
    if trace:
        click.echo(trace.rstrip())


@command(
    "edit",
    click.Argument(["id"]),
    payload_option(),
    click.Option(["--extra"], help="Extra values as a JSON object."),
    click.Option(["--service"], help="Another service to call."),
)
def edit(
    client: Client,
    as_json: bool,
    id: str,
    payload: str | None,
    extra: str | None,
    service: str | None,
) -> None:
    """Change a failed message, which stays where it is."""
    data: dict[str, object] = {"id": id}
    if payload is not None:
        data["payload"] = read_json(payload, "--payload")
    if extra is not None:
        data["extra"] = read_json(extra, "--extra")
    if service is not None:
        data["service"] = service
    output.report(client.call("admin.failed.edit", data), as_json, f"changed {id}")


@command(
    "replay",
    *selection(),
    payload_option(),
    click.Option(
        ["--rate"], type=float, help="Messages per second; the replay then goes on by itself."
    ),
    click.Option(
        ["--batch"],
        type=click.IntRange(0),
        help="Messages to send before the replay pauses until it is resumed, such as 1.",
    ),
)
def replay(client: Client, as_json: bool, payload: str | None, **values: Any) -> None:
    """Put failed messages back into the queue: by id, by conditions, or --all."""
    data = given(values)
    if payload is not None:
        data["payload"] = read_json(payload, "--payload")
    with output.progress("replaying", as_json):
        answer = client.call("admin.failed.replay", data)
    if answer.get("id"):
        output.report(answer, as_json, _begun(answer) + _missing(answer))
        return
    line = f"replayed {answer['replayed']}"
    if answer["left"]:
        line += f"; {answer['left']} stay, since the queue is full"
    output.report(answer, as_json, line + _missing(answer))


@command("delete", *selection())
def delete(client: Client, as_json: bool, **values: Any) -> None:
    """Delete failed messages for good: by id, by conditions, or --all."""
    answer = client.call("admin.failed.delete", given(values))
    output.report(answer, as_json, f"deleted {answer['deleted']}{_missing(answer)}")


@command("export", click.Argument(["file"]), *conditions())
def export(client: Client, as_json: bool, file: str, **values: Any) -> None:
    """Write failed messages to FILE as JSON lines, the latest first; - prints them."""
    # messages that fail in the meantime would move the pages
    data = {"until": time.time(), **given(values), "limit": PAGE}
    count = 0
    with click.open_file(file, "w", encoding="utf-8") as out:
        while True:
            answer = client.call("admin.failed.export", {**data, "offset": count})
            out.write(answer["lines"])
            count += answer["count"]
            if not answer["count"] or count >= answer["total"]:
                break
    if as_json:
        output.print_json({"file": file, "count": count})
    elif file != "-":
        click.echo(f"{file}: {count} messages")


def _begun(answer: JsonObject) -> str:
    """Return a line about a replay that goes on in the background."""
    line = f"replay {answer['id']} sends {answer['left']}"
    if answer["elsewhere"]:
        line += f"; {answer['elsewhere']} are sent by replays that go on"
    return line


def _missing(answer: JsonObject) -> str:
    """Return the end of a line that names the ids that were not there."""
    if not answer["missing"]:
        return ""
    return f"; not there any more: {', '.join(answer['missing'])}"


failed = click.Group(
    "failed",
    help="Messages that ran out of attempts.",
    commands=[list_, groups, get, edit, replay, delete, export],
)
