"""The routes of a worker: compiled for each channel, and compiled anew when what they refer to
changes.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from ..contract.kinds import Channel, Definition, Dispatch
from ..contract.message import Request, Response
from ..contract.registry import Registry
from ..contract.service import Binding, Wrap
from ..foundation.errors import HansaError, Unavailable, describe
from .inflight import InFlight
from .routes import compile_route, failed

if TYPE_CHECKING:
    from ..contract.server import Server
    from .objects import Objects

log = logging.getLogger("hansa.objects")

Used = tuple[str, str]
"""What a route depends on: `service` or `security`, and a name."""


class Router:
    """Compiles routes, and knows which channels use what.

    `wraps` returns the callables of `hansa_wrap`, which may change when plugins are loaded.
    """

    def __init__(
        self,
        server: Server,
        registry: Registry,
        objects: Objects,
        inflight: InFlight,
        wraps: Callable[[], list[Wrap]],
    ) -> None:
        self.server = server
        self.registry = registry
        self.objects = objects
        self.inflight = inflight
        self.wraps = wraps
        self.changes = 0
        """How often something that routes refer to has changed."""
        self._users: dict[Used, set[Channel]] = {}
        self._lock = threading.Lock()
        self._setting = threading.Lock()

    def add(self, channel: Channel) -> None:
        """Remember what a channel's route depends on."""
        with self._lock:
            for used in _uses(channel):
                self._users.setdefault(used, set()).add(channel)

    def discard(self, channel: Channel) -> None:
        """Forget a channel that serves no more."""
        with self._lock:
            for used in _uses(channel):
                self._users.get(used, set()).discard(channel)

    def recompile(self, kind: str, names: Iterable[str]) -> None:
        """Give the channels of these services, or of these security definitions, a new route; no
        connection is touched.
        """
        with self._lock:
            self.changes += 1
            channels: set[Channel] = set()
            for name in names:
                channels |= self._users.get((kind, name), set())
        for channel in channels:
            self.reroute(channel)

    def reroute(self, channel: Channel) -> None:
        """Give a channel a route of what it refers to now."""
        with self._setting:  # else an older route could be set after a newer one
            channel.dispatch = self.route(channel)

    def route(self, channel: Channel) -> Dispatch:
        """Return the route of a channel; one that answers why not, if it cannot be compiled."""
        settings = channel.settings
        try:
            return self.compile(
                settings.service,
                format=settings.format or channel.default_format,
                channel=channel.name,
                type=channel.type,
                config=channel.config,
                source=channel,
            )
        except Exception as error:
            why = f"channel {channel.name!r} cannot serve: {describe(error)}"
            log.error("%s", why, exc_info=None if isinstance(error, HansaError) else error)
            return _unavailable(why)

    def compile(
        self,
        service: str,
        *,
        format: str = "",
        channel: str = "",
        type: str = "invoke",
        config: object = None,
        source: Channel | None = None,
        raising: bool = False,
    ) -> Dispatch:
        """Compile a route to a service; callers of a `source` are authenticated as its settings
        say.

        `channel`, `type` and `config` are those of the `Binding`. Raises `NotFound` or
        `Unavailable` for what is missing.
        """
        cls = self.registry.service(service).cls
        form = self.registry.format(format).cls(config, cls) if format else None
        binding = Binding(service, self.server, form, channel, type, config)
        security = security_names(source)
        return compile_route(
            binding,
            cls,
            channel=source,
            authenticators=[self.objects.security(name).authenticate for name in security],
            wraps=self.wraps(),
            inflight=self.inflight,
            raising=raising,
        )


def security_names(channel: Channel | None) -> list[str]:
    """Return the names of the security definitions of a channel, of which any one will do."""
    if channel is None:
        return []
    named = channel.settings.security
    return [named] if isinstance(named, str) else list(named or ())


def _uses(channel: Definition) -> list[Used]:
    if not isinstance(channel, Channel):
        return []
    return [
        ("service", channel.settings.service),
        *(("security", name) for name in security_names(channel)),
    ]


def _unavailable(why: str) -> Dispatch:
    def route(request: Request) -> Response:
        return failed(Unavailable(why), request, None, None)

    return route
