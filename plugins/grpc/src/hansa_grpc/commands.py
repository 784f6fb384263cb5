"""`hansa grpc proto`: the .proto of a channel, on the command line."""

from __future__ import annotations

import click
from hansa_cli import output
from hansa_cli.client import Client
from hansa_cli.connection import command
from hansa_cli.listing import given


@command("proto", click.Argument(["name"]))
def proto(client: Client, as_json: bool, **values: object) -> None:
    """Print the .proto files of the channel NAME, which clients are generated from."""
    answer = client.call("admin.grpc.proto", given(values))
    if as_json:
        output.print_json(answer)
        return
    for one in answer["items"]:
        click.echo(one["text"])


group = click.Group("grpc", help="gRPC: the .proto of channels.", commands=[proto])
