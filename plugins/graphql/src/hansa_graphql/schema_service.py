"""The admin service admin.graphql.schema: the schema of a channel."""

from __future__ import annotations

from typing import Annotated

from hansa import Model, setting
from hansa_admin.operation import Operation

from .channel import GraphqlChannel


class AskedSchema(Model):
    """A channel."""

    name: Annotated[str, setting("Name of the channel", min_length=1)]


class SchemaText(Model):
    """The schema of a channel."""

    text: Annotated[str, setting("The schema, in the Schema Definition Language")]


class ChannelSchema(Operation):
    """Show the schema of a GraphQL channel."""

    name = "admin.graphql.schema"
    right = "view"
    Input = AskedSchema
    Output = SchemaText

    def handle(self) -> SchemaText:
        """Return it; raises `NotFound`, and `Unavailable` for a channel that does not run."""
        asked: AskedSchema = self.request.input
        found = self.server.objects.get(GraphqlChannel.kind, GraphqlChannel.type, asked.name)
        assert isinstance(found, GraphqlChannel)
        return SchemaText(text=found.text)
