"""The plugins that are installed where a worker runs, and the decision which of them the cluster
may load.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..cluster.cluster import Cluster
from ..contract.records import InstalledPlugin, label
from ..contract.server import Plugins as PluginsContract
from ..definitions.store import DefinitionStore
from ..foundation.errors import Conflict, NotFound
from ..plugins.check import check_plugins
from ..plugins.configuration import read_config
from ..plugins.discovery import Plugins
from ..plugins.installed import Plugin, discover

SHOWN_USES = 10
"""Definitions that an error names, at most."""


class InstalledPlugins(PluginsContract):
    """The plugins found by one worker, and what the cluster is told of them. `path` is the
    configuration file.
    """

    def __init__(
        self, plugins: Plugins, path: Path, store: DefinitionStore, cluster: Cluster
    ) -> None:
        self._plugins = plugins
        self._path = path
        self._store = store
        self._cluster = cluster

    def installed(self) -> list[InstalledPlugin]:
        """Return the plugins of this worker, those installed or removed since it started, and those
        blocked that are not installed, sorted by name.
        """
        here = self._plugins.found
        now = discover()
        found = [_shown(plugin, now.get(name)) for name, plugin in here.items()]
        for name, plugin in now.items():
            if name not in here:
                why = f"since this worker started; `hansa plugin reload {name}` loads it"
                found.append(replace(plugin.record, status="installed", why=why))
        for name in self._store.database.blocked_plugins() - here.keys() - now.keys():
            why = f"it is not installed; `hansa plugin block {name} --off` forgets it"
            found.append(InstalledPlugin(name, "", "", "blocked", why))
        return sorted(found, key=lambda plugin: plugin.name)

    @property
    def loaded(self) -> list[str]:
        """The names of the plugins that this worker has loaded, sorted."""
        return self._plugins.loaded

    def reload(self, name: str, *, by: str = "") -> int:
        """Have all servers load a plugin anew, after a trial; returns the revision. Raises
        `NotFound`, `Conflict` for one that is blocked, or `Invalid`.
        """
        self._refuse_unknown(name)
        blocked = self._store.database.blocked_plugins()
        if name in blocked:
            raise Conflict(
                f"the plugin {name} is blocked; `hansa plugin block {name} --off` loads it"
            )
        self._refuse_excluded(name)
        check_plugins(self._path, blocked=blocked, needed=[name, *self.loaded])
        return self._cluster.log_action("plugin", name, "reload", by=by)

    def block(self, name: str, *, force: bool = False, by: str = "") -> int:
        """Have no server load a plugin; returns the revision.

        Raises `NotFound`, or `Conflict` naming what uses it, unless it is to be blocked by `force`.
        """
        self._refuse_unknown(name)
        uses = [] if force else self._uses_of(name)
        if uses:
            shown = ", ".join(uses[:SHOWN_USES])
            more = f" and {len(uses) - SHOWN_USES} more" if len(uses) > SHOWN_USES else ""
            raise Conflict(
                f"the plugin {name} is in use by {shown}{more}; "
                "--force blocks it all the same: they then cannot run, and stay stored"
            )
        blocked = self._store.database.blocked_plugins() | {name}
        check_plugins(self._path, blocked=blocked, needed=self.loaded)
        return self._cluster.log_action("plugin", name, "block", by=by)

    def unblock(self, name: str, *, by: str = "") -> int:
        """Let servers load a plugin again, after a trial; returns the revision. Raises `NotFound`,
        `Conflict` for one that config.toml excludes, or `Invalid`.
        """
        blocked = self._store.database.blocked_plugins()
        # it may have been uninstalled while it was blocked
        if name not in blocked:
            self._refuse_unknown(name)
        self._refuse_excluded(name)
        check_plugins(self._path, blocked=blocked - {name}, needed=[name, *self.loaded])
        return self._cluster.log_action("plugin", name, "unblock", by=by)

    def _uses_of(self, plugin: str) -> list[str]:
        """Return the stored definitions of the types, in the formats, and with the sections of
        settings, that a plugin has.
        """
        registry = self._plugins.registry
        sections = self._plugins.channel_sections_of(plugin)
        given = {(one.kind, one.type) for one in registry.types() if one.plugin == plugin}
        formats = {one.type for one in registry.formats() if one.plugin == plugin}
        return [
            label(record.key)
            for record in self._store.all()
            if (record.kind, record.type) in given
            or record.data.get("format") in formats
            or (record.kind == "channel" and sections & record.data.keys())
        ]

    def _refuse_unknown(self, name: str) -> None:
        known = self._plugins.found.keys() | discover().keys()
        if name not in known:
            there = ", ".join(sorted(known))
            raise NotFound(f"no plugin {name!r} is installed (there are: {there})")

    def _refuse_excluded(self, name: str) -> None:
        """Raise `Conflict` for a plugin that config.toml keeps from being loaded."""
        section = read_config(self._path).plugins
        if name in section.blocked:
            raise Conflict(f"[plugins] blocked in {self._path} names {name}")
        if section.enabled is not None and name not in section.enabled:
            raise Conflict(f"[plugins] enabled in {self._path} does not name {name}")


def _shown(plugin: Plugin, now: Plugin | None) -> InstalledPlugin:
    """Return a plugin of this worker as it is listed, beside what is installed `now`."""
    record = plugin.record
    if now is None:
        return replace(
            record, status="removed", why=f"since this worker started, {record.status} here"
        )
    if now.version != plugin.version:
        upgrade = (
            f"version {now.version} is installed; `hansa plugin reload {plugin.name}` loads it"
        )
        return replace(record, why=f"{record.why}; {upgrade}" if record.why else upgrade)
    if record.status == "blocked" and not record.why:
        return replace(record, why=f"`hansa plugin block {plugin.name} --off` loads it")
    return record
