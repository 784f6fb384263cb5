"""What hansa-pickup adds to a worker: the watcher, which works in one worker of each server."""

from __future__ import annotations

from typing import Any

from hansa import hookimpl

from .watcher import Watcher

_watchers: dict[int, Watcher] = {}


@hookimpl
def hansa_serve(server: Any) -> None:
    """Begin to watch."""
    if server.section("pickup").enabled:
        watcher = _watchers[id(server)] = Watcher(server)
        watcher.start()


@hookimpl
def hansa_drain(server: Any) -> None:
    """Take up nothing more; another worker goes on."""
    watcher = _watchers.pop(id(server), None)
    if watcher is not None:
        watcher.stop()


@hookimpl
def hansa_shutdown(server: Any) -> None:
    """Stop watching when the plugin is unloaded without a drain before."""
    hansa_drain(server)
