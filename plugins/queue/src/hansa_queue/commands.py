"""`hansa failed list | groups | get | edit | replay | delete | export`: failed messages, on the command line."""

from __future__ import annotations

import json
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from hansa_cli import output
from hansa_cli.client import Client
from hansa_cli.connection import command

PAGE = 1000


class Moment(click.ParamType[float]):
    """A moment: ISO 8601 (local time without an offset), or seconds of the Unix epoch."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Seconds of the Unix epoch; a usage error (exit code 2) for what is neither."""
        for read in (float, lambda given: datetime.fromisoformat(given).timestamp()):
            try:
                return float(read(value))
            except (TypeError, ValueError):
                continue
        self.fail(f"{value!r} is no time such as 2026-11-22T08:00 or 1795334400", param, ctx)


def conditions() -> list[click.Parameter]:
    """Fresh options for one command."""
    return [
        click.Option(["--service"], default="", help="Only of this service."),
        click.Option(["--cause"], default="", help="Only those whose cause contains this text."),
        click.Option(
            ["--group"], default="", help="Only of this group, as `hansa failed groups` names it."
        ),
        click.Option(
            ["--since"],
            type=Moment(),
            help="Only those that failed then or later, such as 2026-11-22T08:00.",
        ),
        click.Option(["--until"], type=Moment(), help="Only those that failed then or before."),
    ]


def paging() -> list[click.Parameter]:
    """Fresh options for one command."""
    return [
        click.Option(
            ["--offset"], type=click.IntRange(0), default=0, help="How many to pass over."
        ),
        click.Option(
            ["--limit"],
            type=click.IntRange(1, 10_000),
            default=100,
            show_default=True,
            help="At most so many.",
        ),
    ]


def meant() -> list[click.Parameter]:
    """Fresh parameters for one command."""
    everything = click.Option(["--all", "all"], is_flag=True, help="All of them.")
    return [click.Argument(["ids"], nargs=-1, metavar="[ID]..."), *conditions(), everything]


def given(values: dict[str, Any]) -> dict[str, Any]:
    """The values that were given."""
    found = {name: value for name, value in values.items() if value not in (None, "", ())}
    return found | ({"ids": list(found["ids"])} if "ids" in found else {})


def moment(seconds: float) -> str:
    """A time as a table shows it."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


@command("list", *conditions(), *paging())
def list_(client: Client, as_json: bool, **values: Any) -> None:
    """List the messages that ran out of attempts, the latest first."""
    answer = client.call("admin.failed.list", given(values))
    if as_json:
        output.print_json(answer)
        return
    rows = [
        [i["id"], moment(i["at"]), i["service"], i["attempts"], i["cid"], i["cause"].split("\n")[0]]
        for i in answer["items"]
    ]
    output.table(
        ["id", "failed at", "service", "attempts", "cid", "cause"], rows, "failed messages"
    )
    if answer["total"] > len(rows):
        click.echo(f"{len(rows)} of {answer['total']}; --offset and --limit show others")


@command("groups", *conditions())
def groups(client: Client, as_json: bool, **values: Any) -> None:
    """Group the failed messages by service and cause, the largest group first."""
    answer = client.call("admin.failed.groups", given(values))
    if as_json:
        output.print_json(answer)
        return
    rows = [
        [i["group"], i["count"], i["service"], moment(i["first"]), moment(i["last"]), i["cause"]]
        for i in answer["items"]
    ]
    output.table(
        ["group", "messages", "service", "first", "last", "cause"], rows, "failed messages"
    )


@command("get", click.Argument(["id"]))
def get(client: Client, as_json: bool, id: str) -> None:
    """Show one failed message: its input, cause, traceback and history."""
    answer = client.call("admin.failed.get", {"id": id})
    if as_json:
        output.print_json(answer)
        return
    trace, history = answer.pop("traceback"), answer.pop("history")
    output.details(
        {key: moment(value) if key in ("at", "created") else value for key, value in answer.items()}
    )
    rows = [
        [h.get("attempt") or "", moment(h["at"]), h.get("worker", ""), h["cause"].split("\n")[0]]
        for h in history
    ]
    output.table(["attempt", "at", "worker", "what"], rows)
    if trace:
        click.echo(trace.rstrip())


PAYLOAD = click.Option(["--payload"], help="Payload as JSON; @FILE reads a file, - standard input.")


@command(
    "edit",
    click.Argument(["id"]),
    PAYLOAD,
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
    data: dict[str, Any] = {"id": id}
    if payload is not None:
        data["payload"] = read_json(payload, "--payload")
    if extra is not None:
        data["extra"] = read_json(extra, "--extra")
    if service is not None:
        data["service"] = service
    _told(client.call("admin.failed.edit", data), as_json, f"changed {id}")


@command("replay", *meant(), PAYLOAD)
def replay(client: Client, as_json: bool, payload: str | None, **values: Any) -> None:
    """Put failed messages back into the queue: by id, by conditions, or --all."""
    data = given(values)
    if payload is not None:
        data["payload"] = read_json(payload, "--payload")
    with output.progress("replaying", as_json):
        answer = client.call("admin.failed.replay", data)
    line = f"replayed {answer['replayed']}"
    line += f"; {answer['left']} stay, since the queue is full" if answer["left"] else ""
    _told(answer, as_json, line + _missing(answer))


@command("delete", *meant())
def delete(client: Client, as_json: bool, **values: Any) -> None:
    """Delete failed messages for good: by id, by conditions, or --all."""
    answer = client.call("admin.failed.delete", given(values))
    _told(answer, as_json, f"deleted {answer['deleted']}{_missing(answer)}")


@command("export", click.Argument(["file"]), *conditions())
def export(client: Client, as_json: bool, file: str, **values: Any) -> None:
    """Write failed messages to FILE as JSON lines, the latest first; - prints them."""
    # what fails meanwhile would move the pages
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


def read_json(text: str, option: str) -> Any:
    """The JSON that an option gives, itself or in a file; a usage error (exit code 2) if it is none."""
    try:
        text = (
            sys.stdin.read()
            if text == "-"
            else Path(text[1:]).read_text()
            if text.startswith("@")
            else text
        )
        return json.loads(text)
    except (OSError, ValueError) as error:
        raise click.UsageError(f"{option}: {error}") from None


def _missing(answer: dict[str, Any]) -> str:
    return f"; not there any more: {', '.join(answer['missing'])}" if answer["missing"] else ""


def _told(answer: Any, as_json: bool, line: str) -> None:
    if as_json:
        output.print_json(answer)
    else:
        click.echo(line)


failed = click.Group("failed", help="Messages that ran out of attempts.")
for each in (list_, groups, get, edit, replay, delete, export):
    failed.add_command(each)
