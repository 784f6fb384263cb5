"""`hansa redis command`: commands for Redis, on the command line."""

from __future__ import annotations

import shlex

import click
from hansa_cli import output
from hansa_cli.client import Client
from hansa_cli.connection import command


@command(
    "command",
    click.Argument(["words"], nargs=-1, required=True, metavar="COMMAND..."),
    click.Option(["--write"], is_flag=True, help="Run a command that writes, as an administrator."),
    click.Option(
        ["--outgoing"],
        default="",
        help="Outgoing connection redis to run it by; by default the Redis of the cluster itself.",
    ),
)
def run_command(
    client: Client, as_json: bool, words: tuple[str, ...], write: bool, outgoing: str
) -> None:
    """Run a Redis command, such as LRANGE orders 0 9, and print its answer.

    The command is one argument, or each of its words is; options of this command stand before it.
    """
    text = words[0] if len(words) == 1 else shlex.join(words)
    service = "admin.redis.write" if write else "admin.redis.command"
    answer = client.call(service, {"command": text, "outgoing": outgoing})
    if as_json:
        output.print_json(answer)
        return
    click.echo(output.printable(answer["answer"]))
    if answer["truncated"]:
        click.echo("the answer was longer than what is shown", err=True)


redis = click.Group("redis", help="Redis: the cluster's own, and others.", commands=[run_command])
