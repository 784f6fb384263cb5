"""What the installed plugins declare, loaded as a worker loads it: types, sections, services and commands.

Needs every plugin of the workspace installed; nothing is started.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import cast

import click
from hansa import DefinitionRecord, Model, Server
from hansa.cli import commands
from hansa.plugins.discovery import Plugins
from hansa.plugins.installed import EARLY, FULL
from hansa.plugins.registry import Registry
from hansa.plugins.sections import CORE_SECTIONS
from hansa_admin.openapi import openapi
from hansa_admin.operation import Operation
from hansa_cli.connection import early_client
from hansa_cli.definitions import learn


class NoDefinitions:
    """Definitions of a server that has none."""

    def all(self, kind: str = "", type: str = "") -> list[DefinitionRecord]:
        """None."""
        return []


class Nowhere:
    """What plugins see of a server while nothing runs: the registered types, and default settings."""

    name = "server1"

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.definitions = NoDefinitions()

    def section(self, model: type[Model]) -> Model:
        """The defaults of a section."""
        return model()


@dataclass(frozen=True)
class Live:
    """The declarations of core and all plugins; `services` are those that the admin API lists."""

    registry: Registry
    sections: dict[str, type[Model]]
    services: list[type[Operation]]


@cache
def live() -> Live:
    """Load everything, once in a process."""
    registry = Registry()
    plugins = Plugins(registry, (EARLY, FULL))
    plugins.load()
    nowhere = cast(Server, Nowhere(registry))
    plugins.register_services(nowhere)
    services = [
        each.cls
        for each in registry.services()
        if issubclass(each.cls, Operation) and each.cls.listed
    ]
    # the commands of types are read from a server's description of its API; this is what it would be
    learn(early_client([]), openapi(services, nowhere))
    sections = {**CORE_SECTIONS, **dict(sorted(plugins.sections().items()))}
    return Live(registry, sections, services)


def leaves(
    command: click.Command = commands,
    path: tuple[str, ...] = ("hansa",),
    context: click.Context | None = None,
) -> Iterator[tuple[tuple[str, ...], click.Command, click.Context]]:
    """Every command that is no group, with its words."""
    live()  # some commands are there only once it has learnt of types
    here = click.Context(command, info_name=path[-1], parent=context)
    if not isinstance(command, click.Group):
        yield path, command, here
        return
    for name in command.list_commands(here):
        inner = command.get_command(here, name)
        if inner is not None and not inner.hidden:
            yield from leaves(inner, (*path, name), here)
