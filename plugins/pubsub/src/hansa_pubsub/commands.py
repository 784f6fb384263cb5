"""`hansa pubsub`: messages of topics and subscriptions, on the command line."""

from __future__ import annotations

import json
from typing import Any

import click
from hansa_cli import output
from hansa_cli.arguments import read_json_or_text, text_option
from hansa_cli.client import Client
from hansa_cli.connection import command
from hansa_cli.listing import given, paging, print_rest

TOPIC_COLUMNS = ("topic", "messages", "bytes", "published", "refused", "unsubscribed")
SUBSCRIPTION_COLUMNS = (
    "name",
    "topic",
    "deliver_to",
    "messages",
    "delivered",
    "retried",
    "failed",
    "expired",
)


def _columns(*names: str) -> dict[str, str]:
    return {name: name for name in names}


@command("status")
def status(client: Client, as_json: bool) -> None:
    """List topics and subscriptions with what they hold and what has been counted."""
    answer = client.call("admin.pubsub.status")
    if as_json:
        output.print_json(answer)
        return
    output.listing(answer["topics"], _columns(*TOPIC_COLUMNS), "topics")
    output.listing(answer["subscriptions"], _columns(*SUBSCRIPTION_COLUMNS), "subscriptions")


@command(
    "publish",
    click.Argument(["topic"]),
    click.Argument(["data"]),
    click.Option(
        ["--priority"], type=click.IntRange(1, 9), help="Higher ones are delivered first."
    ),
    click.Option(["--expiration"], type=float, help="Seconds after which it expires."),
    text_option("DATA"),
)
def publish(client: Client, as_json: bool, data: str, text: bool, **values: Any) -> None:
    """Publish DATA, which is JSON, to TOPIC; @FILE reads it from a file, - from standard input."""
    parsed = read_json_or_text(data, "DATA", text=text)
    answer = client.call("admin.pubsub.publish", {**given(values), "data": parsed})
    if as_json:
        output.print_json(answer)
    else:
        click.echo(answer["id"] or "kept back by the service before_publish")


@command("list", click.Argument(["subscription"]), *paging("messages"))
def list_(client: Client, as_json: bool, **values: Any) -> None:
    """List messages of SUBSCRIPTION, without their data."""
    answer = client.call("admin.pubsub.list", given(values))
    if as_json:
        output.print_json(answer)
        return
    rows = [{**item, "published": output.moment(item["published"])} for item in answer["items"]]
    names = ("id", "topic", "priority", "published", "attempts", "cid", "publisher")
    output.listing(rows, _columns(*names), "messages")
    print_rest(len(rows), answer["total"])


@command("get", click.Argument(["id"]))
def get(client: Client, as_json: bool, **values: Any) -> None:
    """Print the data of the message ID as JSON, or in Base64 if it is bytes."""
    answer = client.call("admin.pubsub.get", values)
    if as_json:
        output.print_json(answer)
        return
    text = answer["raw"] or json.dumps(answer["data"], ensure_ascii=False)
    click.echo(output.printable(text))


@command("clear", click.Argument(["subscription"]))
def clear(client: Client, as_json: bool, **values: Any) -> None:
    """Delete all messages of SUBSCRIPTION."""
    answer = client.call("admin.pubsub.clear", values)
    if as_json:
        output.print_json(answer)
    else:
        click.echo(f"deleted: {answer['deleted']}")


pubsub = click.Group(
    "pubsub",
    help="Messages of topics and subscriptions.",
    commands=[status, publish, list_, get, clear],
)
