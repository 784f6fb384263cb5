"""`hansa sample settings | list | failures | get | delete | invoke`: samples, on the command line."""

from __future__ import annotations

from typing import Any

import click
from hansa_cli import output
from hansa_cli.client import Client
from hansa_cli.connection import command
from hansa_cli.listing import given, paging, print_rest
from hansa_cli.moment import Moment

COLUMNS = {
    "id": "id",
    "at": "at",
    "service": "service",
    "why": "why",
    "ms": "ms",
    "outcome": "outcome",
    "channel": "channel",
    "by": "by",
    "request_size": "in",
    "answer_size": "out",
    "cid": "cid",
}
FAILURE_COLUMNS = {
    "group": "group",
    "service": "service",
    "cause": "cause",
    "count": "samples",
    "first": "first",
    "last": "last",
    "latest": "latest",
    "latest_cid": "cid",
}
SETTINGS = ("service", "active", "every", "slower_than", "errors", "until", "masks", "keep")
ID = "id"


@command(
    "settings",
    click.Argument(["service"], default=""),
    click.Option(["--every"], type=click.IntRange(0), help="Keep one in this many requests."),
    click.Option(["--slower-than"], type=float, help="Keep all that take this long, in ms."),
    click.Option(["--errors/--no-errors"], default=None, help="Keep all requests that fail."),
    click.Option(["--until"], type=Moment(), help="End, such as 2026-11-22T08:00; by default 1 h."),
    click.Option(["--mask", "masks"], multiple=True, help="Path whose values are masked, too."),
    click.Option(["--off"], is_flag=True, help="Sample the service no more."),
)
def settings(client: Client, as_json: bool, off: bool, **values: Any) -> None:
    """Sample SERVICE until a time; without options, show how services are sampled."""
    asked = given(values)
    if off:
        asked["off"] = True
    answer = client.call("admin.sample.settings", asked)
    if as_json:
        output.print_json(answer)
        return
    rows = []
    for item in answer["items"]:
        until = "" if item["until"] is None else output.moment(item["until"])
        shown = {**item, "until": until, "masks": ", ".join(item["masks"])}
        rows.append([shown[key] for key in SETTINGS])
    output.table(SETTINGS, rows, "services that are sampled")


@command(
    "list",
    click.Argument(["service"], default=""),
    click.Option(
        ["--why"], type=click.Choice(["every", "slow", "error"]), help="Why they were kept."
    ),
    click.Option(["--channel"], default="", help="Only of this channel, as TYPE NAME."),
    click.Option(["--by"], default="", help="Only of this caller."),
    click.Option(["--cid"], default="", help="Only with this correlation id."),
    click.Option(["--group"], default="", help="Only failures of this group."),
    click.Option(["--slower-than"], type=float, help="Only those that took this long, in ms."),
    click.Option(["--since"], type=Moment(), help="Only from then on."),
    click.Option(["--until"], type=Moment(), help="Only up to then."),
    click.Option(
        ["--order"],
        type=click.Choice(["at", "ms"]),
        default="at",
        show_default=True,
        help="The newest first, or the slowest.",
    ),
    *paging("samples", limit=50),
)
def list_samples(client: Client, as_json: bool, **values: Any) -> None:
    """List samples, of SERVICE or of all, without their payloads."""
    answer = client.call("admin.sample.list", given(values))
    if as_json:
        output.print_json(answer)
        return
    items = [{**item, "at": output.moment(item["at"])} for item in answer["items"]]
    output.listing(items, COLUMNS, "samples")
    print_rest(len(items), answer["total"])
    for service, count in answer["dropped"].items():
        click.echo(f"{count} of {service} were not kept, since there were too many", err=True)


@command(
    "failures",
    click.Argument(["service"], default=""),
    click.Option(["--cause"], default="", help="Only those whose cause contains this text."),
    click.Option(["--queued"], is_flag=True, help="Also those of asynchronous calls."),
    click.Option(["--since"], type=Moment(), help="Only from then on."),
    click.Option(["--until"], type=Moment(), help="Only up to then."),
    *paging("groups", limit=50),
)
def list_failures(client: Client, as_json: bool, **values: Any) -> None:
    """Group the calls that failed, of SERVICE or of all, by their causes."""
    answer = client.call("admin.sample.failures", given(values))
    if as_json:
        output.print_json(answer)
        return
    moments = ("first", "last")
    items = [
        {**item, **{key: output.moment(item[key]) for key in moments}} for item in answer["items"]
    ]
    output.listing(items, FAILURE_COLUMNS, "failures")
    print_rest(len(items), answer["total"])


@command("get", click.Argument([ID]))
def get_sample(client: Client, as_json: bool, id: str) -> None:
    """Show one sample: its request and its answer, masked."""
    answer = client.call("admin.sample.get", {"id": id})
    if as_json:
        output.print_json(answer)
        return
    messages = {name: answer.pop(name) for name in ("request", "answer")}
    for name in ("input", "input_fault"):
        answer.pop(name)
    output.details({**answer, "at": output.moment(answer["at"])})
    for name, message in messages.items():
        kind = output.printable(message["content_type"])
        click.echo(f"\n{name} ({message['size']} bytes {kind})")
        for header, value in message["headers"].items():
            click.echo(output.printable(f"{header}: {value}"))
        for part in ("note", "text", "base64"):
            if message[part]:
                click.echo(output.printable(f"\n{message[part]}"))


@command(
    "delete",
    click.Argument(["ids"], nargs=-1, metavar="[ID]..."),
    click.Option(["--service"], default="", help="Delete all samples of this service."),
)
def delete_samples(client: Client, as_json: bool, **values: Any) -> None:
    """Delete samples by their ids, or all of a service."""
    answer = client.call("admin.sample.delete", given(values))
    if as_json:
        output.print_json(answer)
    else:
        click.echo(f"deleted {answer['deleted']}")


@command(
    "invoke",
    click.Argument([ID]),
    click.Option(["--service"], default="", help="Service to call; by default that of the sample."),
)
def invoke_sample(client: Client, as_json: bool, id: str, service: str) -> None:
    """Call a service with the request of a sample as its input, and print its answer.

    What is masked in the sample is masked in the input, too.
    """
    sample = client.call("admin.sample.get", {"id": id})
    if sample["input_fault"]:
        raise click.ClickException(f"the request cannot be used: {sample['input_fault']}")
    asked = {"name": service or sample["service"], "payload": sample["input"]}
    answer = client.call("admin.service.invoke", asked)
    if as_json:
        output.print_json(answer)
    elif answer["payload"] is not None:
        output.print_json(answer["payload"])


sample = click.Group("sample", help="Requests that were kept: one in so many, slow ones, errors.")
for _command in (settings, list_samples, list_failures, get_sample, delete_samples, invoke_sample):
    sample.add_command(_command)
