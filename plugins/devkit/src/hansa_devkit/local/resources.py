"""What plugins keep in a local server: each is started, through its `hansa_startup`, when its
object is first asked for.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import TypeVar

from hansa import Server, Undefined

from ..installed import installed

ResourceT = TypeVar("ResourceT")


class LocalResources:
    """Objects by class: those that a test hands in, and those that the `hansa_startup` of an
    installed plugin returns.
    """

    def __init__(self, server: Server, given: Iterable[object]) -> None:
        self._server = server
        self._given = {type(resource): resource for resource in given}
        self._started: dict[type, object] = {}
        self._plugins: list[ModuleType] = []

    def get(self, wanted: type[ResourceT]) -> ResourceT:
        """Return the object of this class; raises `Undefined` where no plugin of its package makes
        one.
        """
        found = self._given.get(wanted) or self._started.get(wanted)
        if found is None:
            found = self._start(wanted)
        if not isinstance(found, wanted):
            raise Undefined(f"no plugin starts a {wanted.__name__}")
        return found

    def close(self) -> None:
        """Shut the plugins down that were started; what they kept is forgotten."""
        for plugin in reversed(self._plugins):
            _call(plugin, "hansa_shutdown", self._server)
        self._plugins.clear()
        self._started.clear()

    def _start(self, wanted: type) -> object:
        package = wanted.__module__.partition(".")[0]
        for entry in installed("hansa"):
            if entry.module.partition(".")[0] != package:
                continue
            plugin: ModuleType = entry.load()
            resource = _call(plugin, "hansa_startup", self._server)
            self._plugins.append(plugin)
            if resource is not None:
                self._started[type(resource)] = resource
        return self._started.get(wanted)


def _call(plugin: ModuleType, hook: str, server: Server) -> object:
    """Call a hook of a plugin, which may leave out the argument; None if the plugin does not
    implement it.
    """
    implementation: Callable[..., object] | None = getattr(plugin, hook, None)
    if implementation is None:
        return None
    if inspect.signature(implementation).parameters:
        return implementation(server)
    return implementation()
