"""What hansa-pickup adds to a worker: the watcher, which works in one worker of each server."""

from __future__ import annotations

from hansa import Server, hookimpl

from .early import PickupSection
from .watcher import Watcher


@hookimpl
def hansa_startup(server: Server) -> Watcher:
    """Return the watcher of this worker, which does not watch yet."""
    return Watcher(server, server.section(PickupSection))


@hookimpl
def hansa_serve(server: Server) -> None:
    """Start to watch, unless the section says not to."""
    if server.section(PickupSection).enabled:
        server.resource(Watcher).start()


@hookimpl
def hansa_drain(server: Server) -> None:
    """Deploy nothing more; another worker of the server takes over."""
    server.resource(Watcher).stop()


@hookimpl
def hansa_shutdown(server: Server) -> None:
    """Stop watching, where the plugin is unloaded without having been drained."""
    server.resource(Watcher).stop()
