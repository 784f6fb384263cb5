"""The admin services of plugins and of the server: `admin.plugin.{list,reload,block}`, `admin.server.{status,reload}`."""

from __future__ import annotations

from typing import Annotated, Any

from hansa import Model, setting

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
        types = [(known.plugin, f"{known.kind} {known.type}") for known in registry.types()]
        types += [(known.plugin, f"format {known.type}") for known in registry.formats()]
        types.sort()
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
            for plugin in self.server.plugins.installed()
        ]
        return Plugins(items=found, total=len(found))


class PluginReload(Operation):
    """Load a plugin anew from its files, with the plugins that depend on it."""

    name, Input, Output = "admin.plugin.reload", PluginName, dict[str, Any]

    def handle(self) -> Any:
        name = self.request.input.name
        revision = self.server.plugins.reload(name, by=self.caller)
        return {"name": name, "revision": revision}


class PluginBlock(Operation):
    """Keep a plugin from being loaded, or let it be loaded again."""

    name, Input, Output = "admin.plugin.block", Block, dict[str, Any]

    def handle(self) -> Any:
        asked = self.request.input
        plugins = self.server.plugins
        decide = plugins.block if asked.blocked else plugins.unblock
        revision = decide(asked.name, by=self.caller)
        return {"name": asked.name, "blocked": asked.blocked, "revision": revision}


class ServerStatus(Operation):
    """Show the server: its workers, engines, revision and version."""

    name, Input, Output = "admin.server.status", Nothing, dict[str, Any]

    def handle(self) -> Any:
        server = self.server
        reports = server.cluster.reports()
        workers = {
            worker: {
                "server": report.server,
                "revision": report.revision,
                "not_running": {
                    key: state for key, state in report.states.items() if state.state != "running"
                },
            }
            for worker, report in reports.items()
        }
        return {
            "cluster": server.cluster.name,
            "revision": server.cluster.revision(),
            "workers": workers,
            "definitions": sum(not record.builtin for record in server.definitions.all()),
            "services": len(server.registry.services()),
            "async": server.queue.status() if server.queue else None,
        }


class ServerReload(Operation):
    """Replace the workers one by one; no request is lost."""

    name, Input, Output = "admin.server.reload", Nothing, dict[str, Any]

    def handle(self) -> Any:
        server = self.server
        server.replace_workers()
        reports = server.cluster.reports().values()
        return {
            "reloading": True,
            "workers": [report.worker for report in reports if report.server == server.name],
        }


OPERATIONS: tuple[type[Operation], ...] = (
    PluginList,
    PluginReload,
    PluginBlock,
    ServerStatus,
    ServerReload,
)
