"""Which commands there are, and in which groups."""

from __future__ import annotations

from collections.abc import Iterable

import click
from hansa import RegisteredType

from . import (
    cluster,
    comparison,
    configuration,
    context,
    keys,
    orphans,
    plugins,
    search,
    servers,
    services,
    workers,
)
from .definitions import KindGroup, SubjectGroup, TypeGroup

SUBJECTS = {
    "type": "Types of definitions that are installed.",
    "definition": "Definitions of all types together.",
    "reference": "Which definitions name which.",
    "problem": "What is wrong in the cluster.",
}
"""Subjects of admin services whose commands are derived from them, and their help."""


def add_commands(commands: click.Group, types: Iterable[RegisteredType]) -> None:
    """Add everything to the `hansa` command; `types` are those of kinds that plugins add."""
    for single in (
        services.deploy,
        services.invoke,
        configuration.export,
        configuration.plan,
        configuration.apply,
        comparison.compare,
    ):
        commands.add_command(single)
    _add_group(
        commands,
        click.Group("service", help="Deployed services."),
        [
            services.list_services,
            services.get_service,
            services.list_packages,
            services.print_source,
            services.roll_back,
            services.delete_services,
        ],
    )
    _add_group(
        commands,
        click.Group("plugin", help="Installed plugins."),
        [plugins.list_plugins, plugins.reload_plugin, plugins.block_plugin],
    )
    _add_group(
        commands,
        click.Group("orphan", help="Definitions whose type no loaded plugin registers."),
        [orphans.list_orphans, orphans.delete_orphan],
    )
    _add_group(
        commands,
        click.Group("cluster", help="The servers of a cluster together."),
        [cluster.status, cluster.restart],
    )
    _add_group(
        commands,
        click.Group("key", help="The key that encrypts the secrets of a cluster."),
        [keys.list_keys, keys.print_new, keys.rotate],
    )
    _add_group(
        commands,
        click.Group("server", help="Run a server; look after a running one."),
        [servers.reload_workers, servers.show_status],
    )
    _add_group(
        commands,
        click.Group("worker", help="What the workers of a running cluster do at the moment."),
        [workers.show_threads, workers.show_profile],
    )
    commands.add_command(context.context)
    for subject, help in SUBJECTS.items():
        commands.add_command(SubjectGroup((subject,), help))
    commands.add_command(search.search)
    commands.add_command(KindGroup("channel", "Channels, which bring requests in."))
    commands.add_command(KindGroup("outgoing", "Outgoing connections, which services use."))
    commands.add_command(KindGroup("security", "Security definitions, which identify callers."))
    for registered in types:
        _add_kind(commands, registered)


def _add_kind(commands: click.Group, registered: RegisteredType) -> None:
    """Add the group of a type that is its kind, or of the kind of a type."""
    if registered.kind in commands.commands:
        return
    help = (registered.cls.__doc__ or "").strip().partition("\n")[0]
    if len(registered.path) == 1:
        commands.add_command(TypeGroup(registered.path, help))
    else:
        commands.add_command(KindGroup(registered.kind, f"Definitions of {registered.kind}."))


def _add_group(commands: click.Group, group: click.Group, members: Iterable[click.Command]) -> None:
    """Add commands as a group, or to the group of that name if there is one."""
    existing = commands.commands.get(group.name or "")
    if isinstance(existing, click.Group):
        group = existing
    else:
        commands.add_command(group)
    for member in members:
        group.add_command(member)
