"""The routes of a worker: compiled for each channel, and compiled anew when what they refer to
changes.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from ..contract.kinds import Channel, Definition, Dispatch, Outgoing
from ..contract.message import Request, Response
from ..contract.observation import Observer
from ..contract.registry import Registry
from ..contract.service import Binding, Guard, Service, Witness, Wrap, open_door
from ..foundation.errors import HansaError, Unavailable, describe
from .inflight import InFlight
from .routes import compile_route, failed

if TYPE_CHECKING:
    from ..contract.server import Server
    from .objects import Objects

log = logging.getLogger("hansa.objects")

Guards = Callable[[Channel, type[Service]], Iterable[Guard]]
"""Returns the guards of a channel to a service."""


Witnesses = Callable[[Channel | None, type[Service]], Iterable[Witness]]
"""Returns the witnesses of a channel to a service, or of a route without a channel."""


def no_witnesses(channel: Channel | None, service: type[Service]) -> Iterable[Witness]:
    """Return no witnesses, as where no plugin has any."""
    return ()


def no_guards(channel: Channel, service: type[Service]) -> Iterable[Guard]:
    """Return no guards, as where no plugin has any."""
    return ()


Observers = Callable[[Outgoing], Sequence[Observer]]
"""Returns the observers of an outgoing connection."""


def no_observers(outgoing: Outgoing) -> Sequence[Observer]:
    """Return no observers, as where no plugin has any."""
    return ()


Used = tuple[str, str]
"""What a route depends on: `service` or `security`, and a name."""


class Router:
    """Compiles routes, and knows which channels use what.

    `wraps` returns the callables of `hansa_wrap`, `guards` what `hansa_guard` puts before a channel,
    `witnesses` what `hansa_refused` has learn of refusals, `observers` what `hansa_observe` has learn
    of calls out; all may change when plugins are loaded.
    """

    def __init__(
        self,
        server: Server,
        registry: Registry,
        objects: Objects,
        inflight: InFlight,
        wraps: Callable[[], list[Wrap]],
        guards: Guards,
    ) -> None:
        self.server = server
        self.registry = registry
        self.objects = objects
        self.inflight = inflight
        self.wraps = wraps
        self.guards = guards
        self.witnesses: Witnesses = no_witnesses
        self.observers: Observers = no_observers
        self.changes = 0
        """How often something that routes refer to has changed."""
        self._users: dict[Used, set[Channel]] = {}
        self._lock = threading.Lock()
        self._setting = threading.Lock()

    def connect(self, made: Definition) -> None:
        """Give a new object what it needs before it starts: a channel its route, an outgoing
        connection its observers.
        """
        if isinstance(made, Channel):
            made.dispatch = self.route(made)
        if isinstance(made, Outgoing):
            made.observers = self.observers(made)

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
        """Return the route of a channel; one that refuses everything, if it cannot be compiled."""
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
            unexpected = None if isinstance(error, HansaError) else error
            why = describe(error)
            log.error("channel %r cannot serve: %s", channel.name, why, exc_info=unexpected)
            return _unavailable(f"channel {channel.name!r} cannot serve: {why}")

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
        security = [] if source is None else source.settings.security_names
        if source is not None and not security:
            refuse_open_door(source, service, cls)
        return compile_route(
            binding,
            cls,
            channel=source,
            guards=() if source is None else self.guards(source, cls),
            witnesses=self.witnesses(source, cls),
            authenticators=[self.objects.security(name).authenticate for name in security],
            wraps=self.wraps(),
            inflight=self.inflight,
            raising=raising,
        )


def refuse_open_door(channel: Channel, name: str, service: type[Service]) -> None:
    """Raise `Unavailable` where anybody could administer the cluster through a channel."""
    if channel.has_callers and service.is_administrative():
        raise Unavailable(open_door(name))


def _uses(channel: Definition) -> list[Used]:
    if not isinstance(channel, Channel):
        return []
    return [
        ("service", channel.settings.service),
        *(("security", name) for name in channel.settings.security_names),
    ]


def _unavailable(why: str) -> Dispatch:
    """Return a route that refuses everything; why is for the log, and not for callers."""

    def route(request: Request) -> Response:
        error = Unavailable("the channel cannot serve at the moment")
        error.reason = why
        return failed(error, request, None, None)

    return route
