"""The life of configured objects in one worker: made, started, swapped in, stopped after their last user, retried when down."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from ..contract.kinds import KINDS, Channel, Key, lease_name
from ..contract.service import Binding
from ..definitions.store import Reference, Row
from ..foundation.errors import HansaError, Invalid, NotFound, Unavailable, describe
from ..plugins.registry import Registry
from ..settings.model import fields
from .routes import compile_route, failed

log = logging.getLogger("hansa.objects")
FIRST_RETRY, LAST_RETRY = 0.5, 10.0
START_WAIT = 5.0
SETTLE, DRAIN_LIMIT = 0.5, 120.0
STARTERS = 32


@dataclass
class Live:
    """What this worker has of one definition: the row wanted, the object that serves, and the state."""

    row: Row
    unwell: dict[Key, Live] = field(repr=False)
    object: Any = None
    state: str = ""
    why: str = ""
    since: float = field(default_factory=time.time)
    attempts: int = 0
    lease: str = ""
    gone: bool = False
    queued: Future[None] | None = None
    timer: threading.Timer | None = None
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def told(self) -> dict[str, Any]:
        """What is told of it to others."""
        return {
            "state": self.state,
            "why": self.why,
            "since": self.since,
            "revision": self.row.revision,
        }

    def become(self, state: str, why: str = "") -> None:
        """Set the state, remembering since when, and stand among the unwell unless it is `running` and nothing is wrong."""
        if (state, why) != (self.state, self.why):
            self.state, self.why, self.since = state, why, time.time()
        (self.unwell.pop if (state, why) == ("running", "") else self.unwell.setdefault)(
            self.row.key, self
        )


class Objects:
    """The live objects of one worker.

    `server` is handed to each; `read(row)` gives a definition's config with secrets and references resolved; `leases` places
    what runs once; `wraps()` gives the callables of `hansa_wrap`.
    """

    def __init__(
        self, registry: Registry, server: Any, read: Callable[[Row], Any], leases: Any, wraps: Any
    ) -> None:
        self.registry, self.server, self.read, self.leases, self.wraps = (
            registry,
            server,
            read,
            leases,
            wraps,
        )
        self.running: dict[Any, int] = {}
        self.epoch = 0
        self._table: dict[Key, Live] = {}
        self._by_name: dict[tuple[str, str], Live] = {}
        self._unwell: dict[Key, Live] = {}
        self._users: dict[tuple[str, str], set[Channel]] = {}
        self._lock = threading.RLock()
        self._compiled = 0
        self._routing = threading.Lock()
        self._starters = ThreadPoolExecutor(STARTERS, "start")
        self._stopped = threading.Event()
        self._retired: list[tuple[int, float, Any]] = []
        self._wake = threading.Event()
        self._ender = threading.Thread(target=self._end_retired, name="objects", daemon=True)
        self._ender.start()

    # -- configure ---------------------------------------------------------------------------------------------------

    def apply(self, rows: Iterable[Row], gone: Iterable[Key] = ()) -> None:
        """Make these definitions live, each in place of what it replaces, and take what is gone out of service.

        What is referred to starts first and ends last. Waits 5 s and 1 ms for each; slower ones go on alone.
        """
        wanted = sorted(rows, key=lambda row: _place(row.kind))
        with self._lock:
            ending = [live for key in gone if (live := self._table.get(key))]
            for live in ending:
                live.gone = True
        # what has a port to itself must let it go before another can take it
        self._carry_out([live for live in ending if getattr(live.object, "exclusive", False)])
        for _, some in groupby(wanted, lambda row: row.kind):
            self._carry_out([self._want(row) for row in some])
        ending.sort(key=lambda live: -_place(live.row.kind))
        for _, left in groupby(ending, lambda live: live.row.kind):
            self._carry_out([live for live in left if live.gone])

    def _want(self, row: Row) -> Live:
        with self._lock:
            live = self._table.get(row.key)
            if live is None:
                live = self._table[row.key] = self._by_name[row.kind, row.name] = Live(
                    row, self._unwell
                )
                live.become("starting")
            live.row, live.attempts, live.gone = row, 0, False
            return live

    def _carry_out(self, lives: list[Live]) -> None:
        queued = [future for live in lives if (future := self._queue(live))]
        done, _ = wait(queued, START_WAIT + len(queued) / 1000)
        for future in done:
            if error := future.exception():
                log.error("an object could not be placed", exc_info=error)

    def _queue(self, live: Live) -> Future[None] | None:
        """Have it brought to the state wanted by then; that one such task waits is enough, however many changes there are."""
        with self._lock:
            if live.queued is None and not self._stopped.is_set():
                live.queued = self._starters.submit(self._apply, live)
            return live.queued

    def _apply(self, live: Live) -> None:
        with live.lock:
            with self._lock:
                live.queued, row = None, live.row
            if live.lease and live.lease not in self.leases.tokens:
                self._retire(live, now=True)
            if live.gone:
                self._withdraw(live)
                with self._lock:
                    tables: Any = (self._table, row.key), (self._by_name, (row.kind, row.name))
                    for table, key in [
                        (t, key) for t, key in tables if live.gone and t.get(key) is live
                    ]:
                        del table[key]
                        self._unwell.pop(row.key, None)
                return
            try:
                cls, config = self.registry.known(row.kind, row.type).cls, self.read(row)
            except (Invalid, NotFound) as error:
                live.become("failed", error.detail)
                log.error("%s %s %r: %s", *row.key, error.detail)
            except Exception as error:
                self._retry(live, row, error)
            else:
                if not config.active:
                    self._withdraw(live)
                    live.become("inactive")
                elif self._placed_here(live, row, cls):
                    self._replace(live, row, cls, config)
                else:
                    live.become("elsewhere")

    def _placed_here(self, live: Live, row: Row, cls: Any) -> bool:
        """Whether this worker is to run it now; if not, it is called back once it holds the lease."""
        if cls.placement == "worker":
            return True
        name = lease_name(cls.placement, self.server.name, row.key)
        if live.lease != name:
            live.lease = name
            # never here: starting may take long, and the thread that calls back keeps all leases
            self.leases.want(name, lambda token: self._queue(live), lambda: self._queue(live))
        return name in self.leases.tokens

    def _replace(self, live: Live, row: Row, cls: Any, config: Any) -> None:
        new, old, compiled = None, live.object, self._compiled
        try:
            new = cls(row.name, config, self.server)
            if isinstance(new, Channel):
                new.dispatch = self._route(new)
            if cls.exclusive:
                self._retire(live, now=True)
            new.start()
        except (Exception, SystemExit) as error:
            if new is not None:
                self._stop(new)
            return self._retry(live, row, error)
        if self._stopped.is_set() or (live.lease and live.lease not in self.leases.tokens):
            self._stop(new)
            return live.become("elsewhere")
        self._serve(live, new)
        live.become("running")
        if isinstance(new, Channel) and compiled != self._compiled:
            self._reroute(new)  # something it refers to changed while it started
        self._recompile_users(row)
        if old is not None and not cls.exclusive:
            self._put_away(old)

    def _serve(self, live: Live, new: Any) -> Any:
        """Put an object, or None, in the place of the one that serves, which it gives back."""
        with self._lock:
            old, live.object = live.object, new
            for channel, change in ((old, set.discard), (new, set.add)):
                for used in _used(channel.config) if isinstance(channel, Channel) else ():
                    change(self._users.setdefault(used, set()), channel)
        return old

    def _retry(self, live: Live, row: Row, error: BaseException) -> None:
        live.attempts += 1
        detail = describe(error)
        delay = min(FIRST_RETRY * 2 ** min(live.attempts - 1, 16), LAST_RETRY)
        live.become("retrying", detail)
        log.warning("%s %s %r did not start, next try in %g s: %s", *row.key, delay, detail)
        if live.timer is not None:
            live.timer.cancel()
        live.timer = threading.Timer(delay, lambda: self._queue(live) if live.row is row else None)
        live.timer.daemon = True
        live.timer.start()

    def lost(self, broken: Any, why: Any, serves: bool = False) -> None:
        """Stop an object that lost its other side, and start a new one with back-off. It may call from its own threads.

        One that `serves` on stays, and its state says why.
        """
        live = self._table.get((broken.kind, broken.type, broken.name))
        with self._lock:  # not in the caller's thread: `stop` may wait for that to end
            # one that serves although its successor does not start is told of by that
            if live is not None and serves and live.object is broken and live.state == "running":
                live.become("running", why)
            elif live is not None and not serves and not self._stopped.is_set():
                self._starters.submit(self._start_over, live, broken, why)

    def _start_over(self, live: Live, broken: Any, error: BaseException) -> None:
        with live.lock:
            if live.object is broken and not live.gone:
                if time.time() - live.since > LAST_RETRY:
                    live.attempts = 0  # it had been running for a while
                self._retire(live)
                self._retry(live, live.row, error)

    # -- stop --------------------------------------------------------------------------------------------------------

    def _withdraw(self, live: Live, now: bool = False) -> None:
        """Give up its object, then its place: what runs once must have stopped before it may start elsewhere."""
        self._retire(live, now or bool(live.lease))
        if live.lease:
            self.leases.unwant(live.lease)
            live.lease = ""

    def _retire(self, live: Live, now: bool = False) -> None:
        old = self._serve(live, None)
        if old is not None:
            self._recompile_users(live.row)
            (self._stop if now else self._put_away)(old)

    def _put_away(self, old: Any) -> None:
        """Stop an object that was replaced: a channel at once, anything else after the requests that may be using it."""
        if isinstance(old, Channel):
            self._stop(old)
            return
        with self._lock:
            self.epoch += 1
            self._retired.append((self.epoch, time.monotonic(), old))
        self._wake.set()

    def _end_retired(self) -> None:
        while not self._stopped.is_set():
            # while something waits for its last user, look often
            self._wake.wait(0.05 if self._retired else None)
            self._wake.clear()
            oldest, now = min(list(self.running.values()), default=self.epoch), time.monotonic()
            with self._lock:
                # a request may just have taken its route and not be counted yet, hence some patience
                due = {
                    r[0]: r[2]
                    for r in self._retired
                    if now - r[1] > (SETTLE if r[0] <= oldest else DRAIN_LIMIT)
                }
                self._retired = [r for r in self._retired if r[0] not in due]
            for old in due.values():
                self._stop(old)

    def _stop(self, old: Any) -> None:
        try:
            old.stop()
        except Exception:
            log.exception("%s %s %r did not stop cleanly", old.kind, old.type, old.name)

    def stop(self) -> None:
        """Stop everything, channels first."""
        with self._lock:
            self._stopped.set()
            self._starters.shutdown(wait=False, cancel_futures=True)
        self._wake.set()
        deadline = time.monotonic() + START_WAIT
        for live in sorted(self._table.values(), key=lambda live: -_place(live.row.kind)):
            # one that is still starting is not waited for; it stops itself, or ends with the process
            held = live.lock.acquire(timeout=max(0.0, deadline - time.monotonic()))
            self._withdraw(live, now=True)
            if held:
                live.lock.release()
        self._ender.join(START_WAIT)
        for _, _, old in self._retired:
            self._stop(old)

    # -- routes ------------------------------------------------------------------------------------------------------

    def _recompile_users(self, row: Row) -> None:
        if row.kind == "security":
            self.recompile("security", [row.name])

    def recompile(self, kind: str, names: Iterable[str]) -> None:
        """Give the channels of these services, or of these security definitions, a new route; no connection is touched."""
        with self._lock:
            self._compiled += 1
            serving = set[Channel]().union(*(self._users.get((kind, name), ()) for name in names))
        for channel in serving:
            self._reroute(channel)

    def _reroute(self, channel: Channel) -> None:
        with self._routing:  # else an older route could be set after a newer one
            channel.dispatch = self._route(channel)

    def _route(self, channel: Channel) -> Any:
        config: Any = channel.config
        binding = {
            "channel": channel.name,
            "type": channel.type,
            "config": config,
            "source": channel,
        }
        try:
            return self.compile(
                config.service, format=config.format or channel.default_format, **binding
            )
        except Exception as error:
            why = f"channel {channel.name!r} cannot serve: {describe(error)}"
            log.error("%s", why, exc_info=None if isinstance(error, HansaError) else error)
            return lambda request: failed(Unavailable(why), request, None, None)

    def compile(
        self,
        service: str,
        *,
        format: str = "",
        source: Channel | None = None,
        raising: bool = False,
        **more: Any,
    ) -> Any:
        """Compile a route to a service for a `source`, whose callers are authenticated, `more` being the rest of the `Binding`.

        Raises `NotFound` or `Unavailable` for what is missing.
        """
        cls = self.registry.service(service).cls
        known = self.registry.known("format", format).cls if format else None
        bound = Binding(service, self.server, known and known(more.get("config"), cls), **more)
        security = _names(getattr(source and source.config, "security", None))
        authenticators = [self.get("security", None, name).authenticate for name in security]
        options: Any = {
            "wraps": self.wraps(),
            "running": self.running,
            "epoch": lambda: self.epoch,
            "raising": raising,
        }
        return compile_route(bound, cls, channel=source, authenticators=authenticators, **options)

    # -- look --------------------------------------------------------------------------------------------------------

    def get(self, kind: str, type: str | None, name: str) -> Any:
        """The live object of a definition; raises `NotFound` if undefined, `Unavailable` if it is not running, and why."""
        live = self._table.get((kind, type, name)) if type else self._by_name.get((kind, name))
        if live is None or live.gone:
            what = f"{kind} {type}" if type else kind
            there = self.names(kind, type)
            names = ", ".join([*there[:20], *(["..."] if len(there) > 20 else [])])
            raise NotFound(f"there is no {what} named {name!r} (there are: {names})")
        if live.object is None:
            why = f": {live.why}" if live.why else ""
            raise Unavailable(f"{live.row.kind} {live.row.type} {name!r} is {live.state}{why}")
        return live.object

    def names(self, kind: str, type: str | None = None) -> list[str]:
        """The names that are defined."""
        lives = list(self._table.values())
        return sorted(
            x.row.name
            for x in lives
            if x.row.kind == kind and type in (None, x.row.type) and not x.gone
        )

    def states(self, unwell: bool = False) -> dict[str, dict[str, Any]]:
        """The state of every definition, or of those with which something is wrong, by `kind type name`."""
        lives = list((self._unwell if unwell else self._table).values())
        return {" ".join(live.row.key): live.told for live in lives if not live.gone}

    def state(self, key: Key) -> dict[str, Any] | None:
        """The state of one definition; None if there is no such."""
        live = self._table.get(key)
        return None if live is None or live.gone else live.told


class Namespace:
    """`self.outgoing`: one mapping per type, by name."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def __getattr__(self, type: str) -> Named:
        if type.startswith("__"):
            raise AttributeError(type)
        named = self.__dict__[type] = Named(self._objects, type)
        return named

    __getitem__ = __getattr__


@dataclass(frozen=True)
class Named:
    """The live outgoing connections of one type, by name."""

    _objects: Objects
    _type: str

    def __getitem__(self, name: str) -> Any:
        return self._objects.get("outgoing", self._type, name)

    def names(self) -> list[str]:
        """The names that are defined."""
        return self._objects.names("outgoing", self._type)


def _place(kind: str) -> int:
    """The place of a kind in the order of starting; what no plugin here knows comes first, and ends last."""
    return [*KINDS].index(kind) if kind in KINDS else -1


def _names(security: str | list[str] | None) -> list[str]:
    return [security] if isinstance(security, str) else list(security or ())


def _used(config: Any) -> list[tuple[str, str]]:
    """What the route of a channel depends on."""
    return [("service", config.service), *(("security", name) for name in _names(config.security))]


def references(registry: Registry, model: Any, config: Any) -> list[Reference]:
    """What a definition refers to, from the `refers` of its settings; raises `Invalid` for a format that no plugin gives."""
    found = []
    for setting in fields(model):
        kind, _, type = setting.refers.partition(" ")
        for name in filter(None, _names(getattr(config, setting.name)) if kind else ()):
            if kind != "format":
                found.append(Reference(setting.name, kind, type, name))
                continue
            try:
                registry.known("format", name)
            except NotFound as error:
                raise Invalid({setting.name: error.detail}) from None
    return found
