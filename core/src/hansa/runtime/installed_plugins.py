"""The plugins that are installed where a worker runs, and the decision which of them the cluster
may load.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from ..cluster.cluster import Cluster
from ..contract.records import InstalledPlugin, label
from ..contract.server import Plugins as PluginsContract
from ..definitions.store import DefinitionStore
from ..foundation.errors import Conflict, NotFound
from ..plugins.check import check_plugins
from ..plugins.discovery import Plugins, discover


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
        """Return the plugins as this worker found them when it started, sorted by name."""
        return [plugin.record for plugin in self._plugins.found.values()]

    def reload(self, name: str, *, by: str = "") -> int:
        """Have all servers load a plugin anew, after a trial; returns the revision. Raises
        `NotFound`, or `Invalid`.
        """
        _refuse_unknown(name, discover())
        check_plugins(self._path, blocked=self._store.database.blocked_plugins() - {name})
        return self._cluster.log_action("plugin", name, "reload", by=by)

    def block(self, name: str, *, by: str = "") -> int:
        """Have no server load a plugin; returns the revision. Raises `NotFound`, or `Conflict`
        naming what uses it.
        """
        _refuse_unknown(name, self._plugins.found)
        uses = self._uses_of(name)
        if uses:
            raise Conflict(f"the plugin {name} is in use by {', '.join(uses)}")
        check_plugins(self._path, blocked=self._store.database.blocked_plugins() | {name})
        return self._cluster.log_action("plugin", name, "block", by=by)

    def unblock(self, name: str, *, by: str = "") -> int:
        """Let servers load a plugin again, after a trial; returns the revision. Raises `NotFound`,
        or `Invalid`.
        """
        _refuse_unknown(name, self._plugins.found)
        check_plugins(self._path, blocked=self._store.database.blocked_plugins() - {name})
        return self._cluster.log_action("plugin", name, "unblock", by=by)

    def _uses_of(self, plugin: str) -> list[str]:
        """Return the stored definitions of the types, and in the formats, that a plugin registers."""
        registry = self._plugins.registry
        given = {(one.kind, one.type) for one in registry.types() if one.plugin == plugin}
        formats = {one.type for one in registry.formats() if one.plugin == plugin}
        return [
            label(record.key)
            for record in self._store.all()
            if (record.kind, record.type) in given or record.data.get("format") in formats
        ]


def _refuse_unknown(name: str, installed: Collection[str]) -> None:
    if name not in installed:
        there = ", ".join(installed)
        raise NotFound(f"no plugin {name!r} is installed (there are: {there})")
