"""The admin services of plugins and of the server.

`admin.plugin.{list,reload,block}` and `admin.server.{status,reload}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from hansa import Conflict, InstalledPlugin, Model, ObjectState, Server, WorkerReport, setting

from .answers import PlainData
from .operation import Nothing, Operation

NEEDED = ("admin", "http", "json", "security")
"""Plugins without which the admin API does not answer, so that no command could allow them again."""


class PluginName(Model):
    """A plugin, by name."""

    name: Annotated[str, setting("Name of the plugin", example="http", min_length=1)]


class Block(PluginName):
    """Whether a plugin may be loaded."""

    blocked: Annotated[bool, setting("False lets servers load the plugin again")] = True
    force: Annotated[
        bool, setting("Block it although definitions use it, which then cannot run")
    ] = False


class Plugin(PluginName):
    """An installed plugin."""

    version: Annotated[str, setting("Version of its distribution")]
    status: Annotated[
        str, setting("loaded, blocked, failed, quarantined, installed or removed since the start")
    ]
    why: Annotated[str, setting("Reason for the status, and what can be done")]
    level: Annotated[
        str,
        setting(
            "Quality level that it declares: bronze, silver, gold, `NAME (invalid)` for a name that "
            "is no level, or empty for none"
        ),
    ]
    types: Annotated[list[str], setting("Types that it registers, as KIND TYPE")]
    services: Annotated[list[str], setting("Services that it registers")]


class Plugins(Model):
    """The list of plugins."""

    items: Annotated[list[Plugin], setting("Plugins, by name")]
    total: Annotated[int, setting("Number of plugins")]


class PluginList(Operation):
    """List the plugins, installed, blocked or removed, whether each is loaded, and what it registers."""

    name = "admin.plugin.list"
    right = "view"
    Output = Plugins

    def handle(self) -> Plugins:
        """Return them all."""
        found = [self._show(plugin) for plugin in self.server.plugins.installed()]
        return Plugins(items=found, total=len(found))

    def _show(self, plugin: InstalledPlugin) -> Plugin:
        registry = self.server.registry
        types = [f"{one.kind} {one.type}" for one in registry.types() if one.plugin == plugin.name]
        types += [f"format {one.type}" for one in registry.formats() if one.plugin == plugin.name]
        origin = f"plugin {plugin.name}"
        return Plugin(
            name=plugin.name,
            version=plugin.version,
            status=plugin.status,
            why=plugin.why,
            level=plugin.level,
            types=sorted(types),
            services=[one.name for one in registry.services() if one.origin == origin],
        )


class PluginReload(Operation):
    """Load a plugin anew from its files, with the plugins that depend on it."""

    name = "admin.plugin.reload"
    Input = PluginName
    Output = PlainData

    def handle(self) -> PlainData:
        """Have all servers do so; refused if the plugin would not load.

        The answer names the workers that are being replaced, and the status that the plugin is to
        have in the new ones: `loaded`, or `removed` if it is not installed any more.
        """
        name = self.request.input.name
        workers = _workers(self.server)
        wanted = _status_when_allowed(self.server, name)
        revision = self.server.plugins.reload(name, by=self.caller)
        return {"name": name, "revision": revision, "workers": workers, "wanted": wanted}


class PluginBlock(Operation):
    """Keep a plugin from being loaded, or let it be loaded again."""

    name = "admin.plugin.block"
    Input = Block
    Output = PlainData

    def handle(self) -> PlainData:
        """Have all servers do so; refused while definitions use the plugin, unless by `force`, and
        for what the admin API itself needs.

        The answer names the workers that are being replaced, and the status that the plugin is to
        have in the new ones.
        """
        asked: Block = self.request.input
        plugins = self.server.plugins
        workers = _workers(self.server)
        if asked.blocked:
            wanted = "blocked"
            if asked.name in NEEDED:
                raise Conflict(
                    f"without the plugin {asked.name} the admin API does not answer; stop all "
                    f"servers, then `hansa plugin block {asked.name} --dir DIR` blocks it"
                )
            revision = plugins.block(asked.name, force=asked.force, by=self.caller)
        else:
            wanted = _status_when_allowed(self.server, asked.name)
            revision = plugins.unblock(asked.name, by=self.caller)
        return {
            "name": asked.name,
            "blocked": asked.blocked,
            "revision": revision,
            "workers": workers,
            "wanted": wanted,
        }


def _status_when_allowed(server: Server, name: str) -> str:
    """Return the status that a plugin has in new workers if nothing keeps it out."""
    installed = server.plugins.installed()
    is_there = any(one.name == name and one.version for one in installed)
    is_gone = any(one.name == name and one.status == "removed" for one in installed)
    return "loaded" if is_there and not is_gone else "removed"


def _workers(server: Server) -> list[str]:
    """Return the workers of the cluster that are alive, sorted."""
    return sorted(server.cluster.reports())


class ServerStatus(Operation):
    """Show the server: its workers, engines, revision and version."""

    name = "admin.server.status"
    right = "view"
    Input = Nothing
    Output = PlainData

    def handle(self) -> PlainData:
        """Return counts, and what does not run."""
        server = self.server
        reports = server.cluster.reports()
        definitions = [one for one in server.definitions.all() if not one.builtin]
        return {
            "cluster": server.cluster.name,
            "revision": server.cluster.revision(),
            "workers": {worker: _worker(report) for worker, report in reports.items()},
            "definitions": len(definitions),
            "services": len(server.registry.services()),
            "async": server.queue.status() if server.queue else None,
        }


def _worker(report: WorkerReport) -> PlainData:
    return {
        "server": report.server,
        "revision": report.revision,
        "not_running": not_running(report.states),
    }


def not_running(states: Mapping[str, ObjectState]) -> dict[str, ObjectState]:
    """Return those of the states that are not `running`, with or without trouble."""
    return {key: state for key, state in states.items() if state.state != "running"}


class ServerReload(Operation):
    """Replace the workers one by one; no request is lost."""

    name = "admin.server.reload"
    right = "operate"
    Input = Nothing
    Output = PlainData

    def handle(self) -> PlainData:
        """Ask for it, and return the workers that will be replaced."""
        server = self.server
        server.replace_workers()
        reports = server.cluster.reports().values()
        own = [report.worker for report in reports if report.server == server.name]
        return {"reloading": True, "workers": own}


OPERATIONS: tuple[type[Operation], ...] = (
    PluginList,
    PluginReload,
    PluginBlock,
    ServerStatus,
    ServerReload,
)
