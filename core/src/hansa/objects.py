"""The life of configured objects in one worker: made, started, swapped in, stopped after their last user, retried when down."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

from .errors import HansaError, Invalid, NotFound, Unavailable
from .kinds import KINDS, Channel
from .pipeline import compile_route, failed
from .registry import Registry
from .service import Binding
from .settings import fields
from .store import Reference, Row

log = logging.getLogger("hansa.objects")
Key = tuple[str, str, str]
FIRST_RETRY, LAST_RETRY = 0.5, 30.0
START_WAIT = 5.0
DRAIN_LIMIT = 120.0


@dataclass
class Live:
    """What this worker has of one definition: the row wanted, the object that serves, and the state."""

    row: Row
    object: Any = None
    serving: Row | None = None
    state: str = "starting"
    why: str = ""
    since: float = field(default_factory=time.time)
    attempts: int = 0
    lease: str = ""
    lock: threading.RLock = field(default_factory=threading.RLock)

    def become(self, state: str, why: str = "") -> None:
        """Set the state, remembering since when."""
        if (state, why) != (self.state, self.why):
            self.state, self.why, self.since = state, why, time.time()


class Objects:
    """The live objects of one worker.

    `server` is handed to each; `read(row)` gives a definition's config with secrets and references resolved; `leases` places
    what runs once; `wraps()` gives the callables of `hansa_wrap`.
    """

    def __init__(
        self, registry: Registry, server: Any, read: Callable[[Row], Any], leases: Any, wraps: Callable[[], list[Any]]
    ) -> None:
        self.registry, self.server, self.read, self.leases, self.wraps = registry, server, read, leases, wraps
        self.running: dict[Any, int] = {}
        self.epoch = 0
        self._table: dict[Key, Live] = {}
        self._by_name: dict[tuple[str, str], Live] = {}
        self._lock = threading.RLock()
        self._compiled = 0
        self._routing = threading.Lock()
        self._starters = ThreadPoolExecutor(8, "start")
        self._stopped = threading.Event()
        self._retired: list[tuple[int, float, Any]] = []
        self._wake = threading.Event()
        threading.Thread(target=self._end_retired, name="objects", daemon=True).start()

    # -- configure ---------------------------------------------------------------------------------------------------

    def apply(self, rows: Iterable[Row]) -> None:
        """Make these definitions live, each in place of what it replaces; waits at most 5 s, slower ones go on alone."""
        done, _ = wait([self._starters.submit(self._apply, self._want(row)) for row in rows], START_WAIT)
        for future in done:
            if error := future.exception():
                log.error("an object could not be placed", exc_info=error)

    def _want(self, row: Row) -> Live:
        with self._lock:
            live = self._table.get(row.key)
            if live is None:
                live = self._table[row.key] = self._by_name[row.kind, row.name] = Live(row)
            live.row, live.attempts = row, 0
            return live

    def remove(self, key: Key) -> None:
        """Take a definition out of service; its object stops after its last user."""
        with self._lock:
            live = self._table.pop(key, None)
            if live is not None and self._by_name.get((key[0], key[2])) is live:
                del self._by_name[key[0], key[2]]
        if live is not None:
            with live.lock:
                self._withdraw(live)
            self._recompile_users(live.row)

    def _apply(self, live: Live) -> None:
        with live.lock:
            row = live.row
            if self._table.get(row.key) is not live or self._stopped.is_set():
                return
            try:
                cls = self.registry.known(row.kind, row.type).cls
                config = self.read(row)
            except HansaError as error:
                live.become("failed", error.detail)
                log.error("%s %s %r: %s", *row.key, error.detail)
                return
            if not config.active:
                self._withdraw(live)
                live.become("inactive")
            elif self._placed_here(live, cls):
                self._replace(live, cls, config)
        self._recompile_users(row)

    def _placed_here(self, live: Live, cls: Any) -> bool:
        """Whether this worker is to run it now; if not, it is called back once it holds the lease."""
        if cls.placement == "worker":
            return True
        scope = "cluster" if cls.placement == "cluster" else f"server:{self.server.name}"
        name = ":".join((scope, *live.row.key))
        if live.lease == name:
            return name in self.leases.tokens
        live.become("elsewhere")
        live.lease = name
        self.leases.want(name, lambda token: self._apply(live), lambda: self._lose(live))
        return False

    def _lose(self, live: Live) -> None:
        with live.lock:
            self._retire(live, now=True)
            live.become("elsewhere", "the lease was lost")

    def _replace(self, live: Live, cls: Any, config: Any) -> None:
        row, old, compiled = live.row, live.object, self._compiled
        new = cls(row.name, config, self.server)
        if isinstance(new, Channel):
            new.dispatch = self._route(new, row)
        if cls.exclusive:
            self._retire(live, now=True)
        try:
            new.start()
        except Exception as error:
            self._stop(new)
            live.attempts += 1
            detail = error.detail if isinstance(error, HansaError) else f"{type(error).__name__}: {error}"
            delay = min(FIRST_RETRY * 2 ** (live.attempts - 1), LAST_RETRY)
            live.become("retrying", detail)
            log.warning("%s %s %r did not start, next try in %g s: %s", *row.key, delay, detail)
            timer = threading.Timer(delay, self._again, (live, row))
            timer.daemon = True
            timer.start()
            return
        live.object, live.serving, live.attempts = new, row, 0
        live.become("running")
        if isinstance(new, Channel) and compiled != self._compiled:
            with self._routing:  # something it refers to changed while it started
                new.dispatch = self._route(new, row)
        if old is not None and not cls.exclusive:
            self._put_away(old)

    def _again(self, live: Live, row: Row) -> None:
        if live.row is row:
            self._apply(live)

    # -- stop --------------------------------------------------------------------------------------------------------

    def _withdraw(self, live: Live, now: bool = False) -> None:
        """Give up its place, and its object."""
        if live.lease:
            self.leases.unwant(live.lease)
            live.lease = ""
        self._retire(live, now)

    def _retire(self, live: Live, now: bool = False) -> None:
        old, live.object, live.serving = live.object, None, None
        if old is not None:
            (self._stop if now else self._put_away)(old)

    def _put_away(self, old: Any) -> None:
        """Stop an object that was replaced: a channel at once, anything else after the requests that may be using it."""
        if isinstance(old, Channel):
            self._stop(old)
            return
        with self._lock:
            self.epoch += 1
            self._retired.append((self.epoch, time.monotonic() + DRAIN_LIMIT, old))
        self._wake.set()

    def _end_retired(self) -> None:
        while not self._stopped.is_set():
            # while something waits for its last user, look often
            self._wake.wait(0.05 if self._retired else None)
            self._wake.clear()
            oldest = min(list(self.running.values()), default=self.epoch)
            with self._lock:
                due = [r for r in self._retired if r[0] <= oldest or r[1] < time.monotonic()]
                self._retired = [r for r in self._retired if r not in due]
            for _, _, old in due:
                self._stop(old)

    def _stop(self, old: Any) -> None:
        try:
            old.stop()
        except Exception:
            log.exception("%s %s %r did not stop cleanly", old.kind, old.type, old.name)

    def stop(self) -> None:
        """Stop everything, channels first."""
        self._stopped.set()
        self._wake.set()
        self._starters.shutdown(wait=False, cancel_futures=True)
        order = list(KINDS)
        for live in sorted(self._table.values(), key=lambda x: -order.index(x.row.kind) if x.row.kind in order else 1):
            with live.lock:
                self._withdraw(live, now=True)
        for _, _, old in self._retired:
            self._stop(old)

    # -- routes ------------------------------------------------------------------------------------------------------

    def _recompile_users(self, row: Row) -> None:
        if row.kind == "security":
            self.recompile(lambda config: row.name in _names(config.security))

    def recompile_services(self, services: set[str]) -> None:
        """Give the channels of these services a new route; no connection is touched."""
        self.recompile(lambda config: config.service in services)

    def recompile(self, concerns: Callable[[Any], bool] = lambda config: True) -> None:
        """Give the channels whose definition is concerned a new route."""
        with self._lock:
            self._compiled += 1
            serving = [(live, live.object) for live in self._table.values() if isinstance(live.object, Channel)]
        for live, channel in serving:
            row = live.serving
            if row is not None and concerns(channel.config):
                with self._routing:  # else an older route could be set after a newer one
                    channel.dispatch = self._route(channel, row)

    def _route(self, channel: Channel, row: Row) -> Any:
        config: Any = channel.config
        options = {"channel": row.name, "type": row.type, "config": config, "source": channel}
        try:
            format, security = config.format or channel.default_format, _names(config.security)
            return self.compile(config.service, format=format, security=security, **options)
        except HansaError as error:
            why = f"channel {row.name!r} cannot serve: {error.detail}"
            log.error("%s", why)
            return lambda request: failed(Unavailable(why), request, None, None)

    def compile(
        self,
        service: str,
        *,
        channel: str = "",
        type: str = "invoke",
        format: str = "",
        config: Any = None,
        security: Iterable[str] = (),
        source: Any = None,
        raising: bool = False,
    ) -> Any:
        """Compile a route to a service; raises `NotFound` or `Unavailable` for what is missing."""
        cls = self.registry.service(service).cls
        format_object = self.registry.known("format", format).cls(config, cls) if format else None
        return compile_route(
            Binding(service, self.server, format_object, channel, type, config),
            cls,
            channel=source,
            authenticators=[self.get("security", None, name).authenticate for name in security],
            wraps=self.wraps(),
            running=self.running,
            epoch=lambda: self.epoch,
            raising=raising,
        )

    # -- look --------------------------------------------------------------------------------------------------------

    def get(self, kind: str, type: str | None, name: str) -> Any:
        """The live object of a definition; raises `NotFound` if undefined, `Unavailable` if it is not running, and why."""
        live = self._table.get((kind, type, name)) if type else self._by_name.get((kind, name))
        if live is None:
            there = sorted(k[2] for k in self._table if k[0] == kind and type in (None, k[1]))
            raise NotFound(
                f"there is no {kind} {type or ''} named {name!r}".replace("  ", " ")
                + f" (there are: {', '.join(there)})"
            )
        if live.object is None:
            raise Unavailable(
                f"{live.row.kind} {live.row.type} {name!r} is {live.state}" + (f": {live.why}" if live.why else "")
            )
        return live.object

    def states(self) -> dict[str, dict[str, Any]]:
        """The state of every definition, by `kind type name`."""
        with self._lock:
            lives = list(self._table.values())
        return {
            " ".join(live.row.key): {
                "state": live.state,
                "why": live.why,
                "since": live.since,
                "revision": live.row.revision,
            }
            for live in lives
        }


class Namespace:
    """`self.outgoing`: one mapping per type, by name."""

    def __init__(self, objects: Objects, kind: str) -> None:
        self._objects, self._kind = objects, kind

    def __getattr__(self, type: str) -> Named:
        if type.startswith("__"):
            raise AttributeError(type)
        named = Named(self._objects, self._kind, type)
        setattr(self, type, named)
        return named

    def __getitem__(self, type: str) -> Named:
        return getattr(self, type)  # type: ignore[no-any-return]


class Named:
    """The live objects of one type, by name."""

    def __init__(self, objects: Objects, kind: str, type: str) -> None:
        self._objects, self._kind, self._type = objects, kind, type

    def __getitem__(self, name: str) -> Any:
        return self._objects.get(self._kind, self._type, name)

    def names(self) -> list[str]:
        """The names that are defined."""
        return sorted(key[2] for key in self._objects._table if key[:2] == (self._kind, self._type))


def _names(security: str | list[str] | None) -> list[str]:
    return [security] if isinstance(security, str) else list(security or ())


def references(model: Any, row: Row, config: Any) -> list[Reference]:
    """What a definition refers to, from the `refers` of its settings."""
    found = []
    for setting in fields(model):
        value = getattr(config, setting.name)
        if setting.refers and setting.refers != "format" and value:
            kind, _, type = setting.refers.partition(" ")
            for name in _names(value):
                found.append(Reference(setting.name, kind, type, name))
    return found


def check_formats(registry: Registry, model: Any, config: Any) -> None:
    """Refuse a format that no plugin gives; raises `Invalid`."""
    for setting in fields(model):
        value = getattr(config, setting.name)
        if setting.refers == "format" and value:
            try:
                registry.known("format", value)
            except NotFound as error:
                raise Invalid({setting.name: error.detail}) from None
