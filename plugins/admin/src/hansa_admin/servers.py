"""The admin services of plugins and of the server: `admin.plugin.{list,reload,block}`, `admin.server.{status,reload}`."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Any

from hansa import Conflict, Model, NotFound, check_plugins, discover, setting

from .operation import Nothing, Operation


class PluginName(Model):
    """A plugin, by name."""

    name: Annotated[str, setting("Name of the plugin", example="http", min_length=1)]


class Block(PluginName):
    """Whether a plugin is to be loaded."""

    blocked: Annotated[bool, setting("False lets it be loaded again")] = True


class Plugin(PluginName):
    """An installed plugin."""

    version: Annotated[str, setting("Version of its distribution")]
    status: Annotated[str, setting("loaded, blocked or failed")]
    why: Annotated[str, setting("Why it failed or is blocked")]
    types: Annotated[list[str], setting("Types that it gives, as KIND TYPE")]
    services: Annotated[list[str], setting("Services that it gives")]


class Plugins(Model):
    """The list of plugins."""

    items: Annotated[list[Plugin], setting("The plugins, by name")]
    total: Annotated[int, setting("How many there are")]


class PluginList(Operation):
    """List the installed plugins, whether each is loaded, and what it gives."""

    name, Output = "admin.plugin.list", Plugins

    def handle(self) -> Any:
        registry = self.server.registry
        types = [(known.plugin, f"{kind} {type}") for kind, type, known in registry.types()]
        services = [(deployed.origin, deployed.name) for deployed in registry.services()]
        found = [
            Plugin(
                name=plugin.name,
                version=plugin.version,
                status=plugin.status,
                why=plugin.why,
                types=[type for origin, type in types if origin == plugin.name],
                services=[
                    service for origin, service in services if origin == f"plugin {plugin.name}"
                ],
            )
            for plugin in self.server.plugins.found.values()
        ]
        return Plugins(items=found, total=len(found))


def refuse_unknown(name: str, installed: Collection[str]) -> None:
    """Raise `NotFound` for a plugin that is not installed."""
    if name not in installed:
        raise NotFound(f"no plugin {name!r} is installed (there are: {', '.join(installed)})")


def uses_of(server: Any, plugin: str) -> list[str]:
    """The stored definitions of the types, and in the formats, that a plugin gives."""
    given = {
        (kind, type) for kind, type, known in server.registry.types() if known.plugin == plugin
    }
    rows = server.definitions.all()
    return [
        f"{row.kind} {row.type} {row.name!r}"
        for row in rows
        if given & {(row.kind, row.type), ("format", row.data.get("format"))}
    ]


class PluginReload(Operation):
    """Load a plugin anew from its files, with the plugins that depend on it."""

    name, Input, Output = "admin.plugin.reload", PluginName, dict[str, Any]

    def handle(self) -> Any:
        name, server = self.request.input.name, self.server
        refuse_unknown(name, discover())
        check_plugins(server.config.path, blocked=server.store.blocked_plugins() - {name})
        return {"name": name, "revision": log_action(server, "plugin", name, "reload")}


class PluginBlock(Operation):
    """Keep a plugin from being loaded, or let it be loaded again."""

    name, Input, Output = "admin.plugin.block", Block, dict[str, Any]

    def handle(self) -> Any:
        name, blocked, server = self.request.input.name, self.request.input.blocked, self.server
        refuse_unknown(name, server.plugins.found)
        if blocked and (used := uses_of(server, name)):
            raise Conflict(f"the plugin {name} is in use by {', '.join(used)}")
        others = server.store.blocked_plugins() - {name}
        check_plugins(server.config.path, blocked=others | {name} if blocked else others)
        revision = log_action(server, "plugin", name, "block" if blocked else "unblock")
        return {"name": name, "blocked": blocked, "revision": revision}


def log_action(server: Any, kind: str, name: str, action: str) -> int:
    """Have the whole cluster `reload`, `block` or `unblock` a plugin, or `restart` a server, as one revision, which it gives.

    A server that restarts finishes what it has, and starts anew as the same process, supervisor and engines too.
    """
    return int(server.announce(server.store.log_action(kind, name, action), wait=False)["revision"])


class ServerStatus(Operation):
    """Show the server: its workers, engines, revision and version."""

    name, Input, Output = "admin.server.status", Nothing, dict[str, Any]

    def handle(self) -> Any:
        server, reports = self.server, self.server.cluster.reports()
        workers = {
            worker: {
                "server": report["server"],
                "revision": report["revision"],
                "not_running": {
                    key: told
                    for key, told in report["states"].items()
                    if told["state"] != "running"
                },
            }
            for worker, report in reports.items()
        }
        return {
            "cluster": server.cluster.name,
            "revision": server.cluster.revision(),
            "workers": workers,
            "definitions": len(server.definitions.all()),
            "services": len(server.registry.services()),
            "async": server.queue.status() if server.queue else None,
        }


class ServerReload(Operation):
    """Replace the workers one by one; no request is lost."""

    name, Input, Output = "admin.server.reload", Nothing, dict[str, Any]

    def handle(self) -> Any:
        server = self.server
        server.tell("reload", revision=0)
        reports = server.cluster.reports().items()
        return {
            "reloading": True,
            "workers": [worker for worker, told in reports if told["server"] == server.name],
        }


OPERATIONS: tuple[type[Operation], ...] = (
    PluginList,
    PluginReload,
    PluginBlock,
    ServerStatus,
    ServerReload,
)
