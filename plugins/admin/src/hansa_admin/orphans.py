"""The admin services of orphans, definitions whose type no loaded plugin registers:
`admin.orphan.{list,delete}`.
"""

from __future__ import annotations

from typing import Annotated

from hansa import DefinitionRecord, Model, NotFound, Server, setting

from .answers import Changed, Filter, PlainData, changed
from .export import plugin_of
from .operation import Operation


class OrphanKey(Model):
    """An orphan: its kind, type and name."""

    kind: Annotated[str, setting("Kind of the definition", example="channel")]
    type: Annotated[str, setting("Type that no loaded plugin registers", example="amqp")]
    name: Annotated[str, setting("Name of the definition")]


class Orphan(OrphanKey):
    """A definition that cannot run here."""

    revision: Annotated[int, setting("Revision of its last change")]
    plugin: Annotated[str, setting("Distribution that is likely to provide its type")]


class Orphans(Model):
    """The list of orphans."""

    items: Annotated[list[Orphan], setting("Definitions, by kind, type and name")]
    total: Annotated[int, setting("Number of definitions on all pages")]


def orphans(server: Server) -> list[DefinitionRecord]:
    """Return the definitions whose type no loaded plugin registers, sorted."""
    there = {(one.kind, one.type) for one in server.registry.types()}
    stored = [one for one in server.definitions.all() if not one.builtin]
    return [one for one in stored if (one.kind, one.type) not in there]


class OrphanList(Operation):
    """List the definitions whose type no loaded plugin registers; they are kept, and do not run."""

    name = "admin.orphan.list"
    right = "view"
    Input = Filter
    Output = Orphans

    def handle(self) -> Orphans:
        """Return one page."""
        asked: Filter = self.request.input
        found = [one for one in orphans(self.server) if asked.matches(one.name)]
        return Orphans(items=[_show(record) for record in asked.page(found)], total=len(found))


def _show(record: DefinitionRecord) -> Orphan:
    return Orphan(
        kind=record.kind,
        type=record.type,
        name=record.name,
        revision=record.revision,
        plugin=plugin_of(record.type),
    )


class OrphanDelete(Operation):
    """Delete a definition whose type no loaded plugin registers; refused while another one uses it."""

    name = "admin.orphan.delete"
    final = "always"
    Input = OrphanKey
    Output = Changed

    def handle(self) -> PlainData:
        """Delete it; raises `NotFound` for one that is no orphan."""
        asked: OrphanKey = self.request.input
        key = (asked.kind, asked.type, asked.name)
        if key not in {record.key for record in orphans(self.server)}:
            raise NotFound(f"there is no orphan {' '.join(key)}")
        return changed(asked.name, self.server.definitions.delete(*key, by=self.caller))


OPERATIONS: tuple[type[Operation], ...] = (OrphanList, OrphanDelete)
