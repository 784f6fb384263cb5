"""`hansa graphql schema`: the schema of a channel, on the command line."""

from __future__ import annotations

import click
from hansa_cli import output
from hansa_cli.client import Client
from hansa_cli.connection import command
from hansa_cli.listing import given


@command("schema", click.Argument(["name"]))
def schema(client: Client, as_json: bool, **values: object) -> None:
    """Print the schema of the channel NAME, in the Schema Definition Language."""
    answer = client.call("admin.graphql.schema", given(values))
    if as_json:
        output.print_json(answer)
        return
    click.echo(answer["text"])


group = click.Group("graphql", help="GraphQL: the schema of channels.", commands=[schema])
