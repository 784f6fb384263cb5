"""The hooks a plugin may implement. Each returns declarations; core asks once, when it loads the plugin, unless said otherwise.

Write `@hookimpl` over a function of the same name in the plugin's module; it may take fewer arguments than the hook offers.
Modules named in the entry point group `hansa` are loaded in workers. Those in the group `hansa.early` are loaded in the
supervisor, the `hansa` command and trial imports too, and must import nothing heavy; the hooks they may implement say so.
"""

# The names of hooks and arguments are the contract; the bodies are empty on purpose.
from __future__ import annotations

from typing import Any

import pluggy

from ..settings.model import Model
from .kinds import Dispatch, Format, Security
from .service import Service

__all__ = ["hookimpl"]

PROJECT = "hansa"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def hansa_transports() -> list[type]:  # type: ignore[empty-body]
    """Give the Channel and Outgoing classes of this plugin."""


@hookspec
def hansa_security() -> list[type[Security]]:  # type: ignore[empty-body]
    """Give the Security classes of this plugin."""


@hookspec
def hansa_formats() -> list[type[Format]]:  # type: ignore[empty-body]
    """Give the Format classes of this plugin."""


@hookspec
def hansa_services(server: Any) -> list[type[Service]]:  # type: ignore[empty-body]
    """Give the services of this plugin, always there; `server` is the facade they may be built from.

    Called again after any plugin was reloaded, since services may be derived from the registered types.
    """


@hookspec
def hansa_definitions(server: Any) -> list[tuple[str, str, str, dict[str, Any]]]:  # type: ignore[empty-body]
    """Give definitions that come with the plugin, as (kind, type, name, settings): not stored, not exported, not editable."""


@hookspec
def hansa_channel_settings() -> list[type[Model]]:  # type: ignore[empty-body]
    """Give settings that every channel has besides its own, as models with defaults; `hansa_wrap` is where they take effect."""


@hookspec
def hansa_settings() -> dict[str, type[Model]]:  # type: ignore[empty-body]
    """Give the plugin's sections of config.toml, by name. Early."""


@hookspec
def hansa_modules() -> list[str]:  # type: ignore[empty-body]
    """Name modules to import before any source of a service is, in workers and in trial imports. Early."""


@hookspec
def hansa_commands(commands: Any) -> None:
    """Add commands to the click group `commands`; called when `hansa` parses its command line. Early."""


@hookspec
def hansa_engines(config: Any) -> list[Any]:  # type: ignore[empty-body]
    """Give programs to run beside the workers; called in the supervisor before workers start. Early.

    Each has `name`, `directory`, `command()`, `environment()`, `ready()`, and `address`, which the workers are told; it may have
    `stop_signal` (default SIGTERM) and `stop_timeout` (default 10 seconds).
    """


@hookspec
def hansa_listen(config: Any) -> dict[str, Any]:  # type: ignore[empty-body]
    """Give bound, listening sockets by name, handed to every worker; called once in the supervisor. Early."""


@hookspec
def hansa_ready(config: Any) -> list[str]:  # type: ignore[empty-body]
    """Give lines for the person who started the server, printed once it is ready; called in the supervisor. Early."""


@hookspec(firstresult=True)
def hansa_bus(server: Any) -> Any:
    """Give what carries nudges and leases between the workers of the cluster, in place of the ODB; called once per worker.

    It has `nudge(revision)`, `listen(wake, stopped)`, `acquire(name, holder, ttl)`, `release(name, holder)`,
    `leases(names)` (see `hansa.cluster`), and `redis` (a client for services).
    """


@hookspec(firstresult=True)
def hansa_queue(server: Any) -> Any:
    """Give the queue of asynchronous invocations; called once per worker, after `hansa_bus`.

    It has `put(service, payload, cid, **options)`, `start()`, `stop(grace)` and `status()`.
    """


@hookspec
def hansa_startup(server: Any) -> None:
    """Start what the plugin needs in a worker, before any of its objects start; undone by `hansa_shutdown`."""


@hookspec
def hansa_serve(server: Any) -> None:
    """Begin to accept work: everything configured has been started; called once per worker."""


@hookspec
def hansa_drain(server: Any) -> None:
    """Accept nothing new and finish what was accepted; called when the worker is to end, before objects stop. May block."""


@hookspec
def hansa_shutdown(server: Any) -> None:
    """Undo `hansa_startup`; called when the worker ends or the plugin is unloaded."""


@hookspec
def hansa_wrap(channel: Any, service: type[Service], call: Dispatch) -> Dispatch | None:
    """Give a callable around `call` (Request -> Response), or None; called once for each compiled route."""


@hookspec(firstresult=True)
def hansa_secret(reference: str, value: Any) -> str | None:
    """Give the value behind `{"$reference": value}` in a setting, such as `{"$vault": "path"}`; the first answer counts."""
