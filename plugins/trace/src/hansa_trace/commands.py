"""`hansa trace`: where a message was and is, on the command line."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import click
from hansa_cli import output
from hansa_cli.client import Client
from hansa_cli.connection import command
from hansa_cli.failures import Refusal
from hansa_cli.plain import JsonObject

BEFORE = 5.0
"""Seconds before the first step from which on log lines are shown."""
MOST_LINES = 500
MOST_CIDS = 100
LINE = "\\n"
"""What the end of a line within a message is in a log."""


class Row(NamedTuple):
    """A line of the time line."""

    at: float
    where: str
    what: str
    outcome: str = ""
    ms: float | str = ""


@command(
    "trace",
    click.Argument(["cid"]),
    click.Option(["--no-log", "no_log"], is_flag=True, help="Leave the lines of the logs out."),
)
def trace(client: Client, as_json: bool, cid: str, no_log: bool) -> None:
    """Show where a message was and is, by its correlation id or trace id: its steps on all servers,
    what the queue has of it, and the lines of the logs, as one time line.
    """
    answer = client.call("admin.message.trace", {"cid": cid})
    lines: JsonObject = {"items": [], "missing": []}
    if not no_log:
        lines = lines_of(client, answer, cid)
    missing = [*answer["missing"], *lines["missing"]]
    if as_json:
        output.print_json({**answer, "lines": lines["items"], "missing": missing})
        return
    rows = [*step_rows(answer), *queue_rows(answer), *line_rows(lines)]
    # lines of logs have whole milliseconds: of the same one, steps come first
    rows.sort(key=lambda row: int(row.at * 1000))
    cells = [[moment(row.at), *row[1:]] for row in rows]
    columns = ["at", "where", "what", "outcome", "ms"]
    output.table(columns, cells, "trace of this message")
    for sentence in summary(answer, missing):
        click.echo(output.printable(sentence))


def lines_of(client: Client, answer: JsonObject, cid: str) -> JsonObject:
    """Return the lines of the logs of all messages of a trace; who may not read them learns it."""
    steps = answer["items"]
    cids = list(dict.fromkeys([cid, *(step["cid"] for step in steps)]))[:MOST_CIDS]
    asked: JsonObject = {"cid": cids, "limit": MOST_LINES}
    if steps:
        asked["since"] = min(step["began"] for step in steps) - BEFORE
    try:
        return client.call("admin.log.read", asked)
    except Refusal as refusal:
        if refusal.problem.get("status") != 403:
            raise
        detail = refusal.problem.get("detail", "they may not be read")
        return {"items": [], "missing": [f"the lines of the logs are missing: {detail}"]}


def step_rows(answer: JsonObject) -> list[Row]:
    """Return a row for each step, indented by those above it."""
    rows = []
    for step in answer["items"]:
        what = "  " * step["depth"] + described(step)
        rows.append(Row(step["began"], step["worker"], what, step["outcome"], step["ms"]))
    return rows


def described(step: JsonObject) -> str:
    """Return what a step is, in words."""
    if step["kind"] == "outgoing":
        return f"outgoing {step['name']}"
    if step["kind"] == "channel":
        return f"channel {step['name']} -> {step['service']}"
    if step["kind"] == "invoke":
        return f"invoke {step['service']}"
    words = "callback" if step["in_reply_to"] else "async"
    return f"{words} {step['service']}, attempt {step['attempt']}"


def queue_rows(answer: JsonObject) -> list[Row]:
    """Return a row for each call that the queue has of a message."""
    rows = []
    for call in answer["waiting"]:
        what = f"in the queue: {call['service']}, attempt {call['attempt']}"
        rows.append(Row(call["at"], call["worker"], what, call["state"]))
    for message in answer["failed"]:
        cause = message["cause"].partition("\n")[0]
        what = f"failed message {message['id']}: {message['service']}, {cause}"
        rows.append(Row(message["at"], message["worker"], what, "failed"))
    return rows


def line_rows(lines: JsonObject) -> list[Row]:
    """Return a row for each line of a log."""
    rows = []
    for line in lines["items"]:
        what = f"| {line['level']} {line['logger']}: {in_short(line['message'])}"
        rows.append(Row(line["at"], line["server"], what))
    return rows


def in_short(message: str) -> str:
    """Return a message in one line: of a traceback, the error alone."""
    head, mark, traceback = message.partition(" | Traceback ")
    first_line = head.replace("\n", LINE).partition(LINE)[0]
    if not mark:
        return first_line
    last_line = traceback.replace("\n", LINE).rpartition(LINE)[2]
    # the log has named the type of the error
    return f"{first_line}: {last_line.partition(': ')[2] or last_line}"


def summary(answer: JsonObject, missing: list[str]) -> list[str]:
    """Return what is known of the whole, in sentences."""
    steps = answer["items"]
    if steps:
        servers = ", ".join(answer["servers"])
        sentences = [f"{len(steps)} steps on {servers}; trace {', '.join(answer['traces'])}"]
    else:
        sentences = ["no steps are kept of it"]
        if answer["reaches"] is not None:
            sentences.append(f"steps are kept since {output.moment(answer['reaches'])}")
    if answer["related"]:
        sentences.append(f"related: {', '.join(answer['related'])}")
    return [*sentences, *missing]


def moment(seconds: float) -> str:
    """Return a time in local time, with milliseconds."""
    return datetime.fromtimestamp(seconds).isoformat(" ", "milliseconds")
