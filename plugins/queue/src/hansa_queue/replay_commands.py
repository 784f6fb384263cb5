"""`hansa replay list | show | stop | pause | resume`: replays of failed messages, on the command
line.
"""

from __future__ import annotations

import click
from hansa_cli import output
from hansa_cli.client import Client
from hansa_cli.connection import command
from hansa_cli.listing import paging, print_rest
from hansa_cli.plain import JsonObject


def tally(replay: JsonObject) -> str:
    """Return how far a replay is, in words."""
    parts = [f"{replay['sent']} of {replay['total']} sent", f"{replay['succeeded']} succeeded"]
    if replay["failed"]:
        parts.append(f"{replay['failed']} failed again")
    if replay["pending"]:
        parts.append(f"{replay['pending']} not known yet")
    if replay["missing"]:
        parts.append(f"{replay['missing']} were not there any more")
    if replay["state"] == "stopped":
        parts.append(f"{replay['left']} stay failed")
    return ", ".join(parts)


@command("list", *paging("replays"))
def list_(client: Client, as_json: bool, offset: int, limit: int) -> None:
    """List the replays of failed messages with their tallies, the latest first."""
    answer = client.call("admin.replay.list", {"offset": offset, "limit": limit})
    if as_json:
        output.print_json(answer)
        return
    rows = []
    for item in answer["items"]:
        began = output.moment(item["at"])
        rows.append([item["id"], began, item["by"], item["state"], tally(item)])
    output.table(["id", "began", "by", "state", "tally"], rows, "replays")
    print_rest(len(rows), answer["total"])


@command("show", click.Argument(["id"]))
def show(client: Client, as_json: bool, id: str) -> None:
    """Show a replay: how far it is, and what became of the messages."""
    answer = client.call("admin.replay.get", {"id": id})
    if as_json:
        output.print_json(answer)
        return
    causes: list[JsonObject] = answer.pop("causes")
    answer["at"] = output.moment(answer["at"])
    if answer["ended"] is not None:
        answer["ended"] = output.moment(answer["ended"])
    output.details(answer)
    rows = [[one["group"], one["count"], one["service"], one["cause"]] for one in causes]
    if rows:
        output.table(["group", "failed again", "service", "cause"], rows)


def _report(answer: JsonObject, as_json: bool) -> None:
    line = f"replay {answer['id']} is {answer['state']}: {tally(answer)}"
    output.report(answer, as_json, line)


@command("stop", click.Argument(["id"]))
def stop(client: Client, as_json: bool, id: str) -> None:
    """End a replay; the messages that it has not sent stay with the failed ones."""
    _report(client.call("admin.replay.stop", {"id": id}), as_json)


@command("pause", click.Argument(["id"]))
def pause(client: Client, as_json: bool, id: str) -> None:
    """Have a replay send nothing until it is resumed."""
    _report(client.call("admin.replay.pause", {"id": id}), as_json)


@command(
    "resume",
    click.Argument(["id"]),
    click.Option(
        ["--batch"],
        type=click.IntRange(0),
        default=0,
        help="Messages to send before it pauses again; by default it does not.",
    ),
    click.Option(["--rate"], type=float, help="Another rate, in messages per second."),
)
def resume(client: Client, as_json: bool, id: str, batch: int, rate: float | None) -> None:
    """Have a replay go on, to its end or to another pause."""
    data: JsonObject = {"id": id, "batch": batch}
    if rate is not None:
        data["rate"] = rate
    _report(client.call("admin.replay.resume", data), as_json)


replay = click.Group(
    "replay",
    help="Replays of failed messages that go on in the background.",
    commands=[list_, show, stop, pause, resume],
)
