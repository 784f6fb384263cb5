"""The life of configured objects in one worker: made, started, swapped in, stopped after their last
user, retried when down.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from itertools import groupby
from typing import TYPE_CHECKING

from ..cluster.leases import Leases
from ..contract.kinds import KINDS, Channel, Definition, DefinitionSettings, Security, lease_name
from ..contract.records import DefinitionRecord, Edit, Key, MakeMode, ObjectState, PlainSettings
from ..contract.registry import Registry
from ..contract.server import Objects as ObjectsContract
from ..contract.service import Wrap
from ..definitions.stored_form import refers_to
from ..foundation.backoff import backoff_delay
from ..foundation.errors import Invalid, NotFound, describe, did_you_mean
from ..foundation.starts import Deaths, Starts
from .inflight import InFlight
from .managed import ManagedObject, reported, start_of
from .overdue import OverdueStarts
from .retirement import Retirement, stop, withdraw
from .router import Guards, Router, no_guards
from .threads import owners

if TYPE_CHECKING:
    from ..contract.server import Server

log = logging.getLogger("hansa.objects")

FIRST_RETRY = 0.5
LAST_RETRY = 10.0
"""Seconds before an object that did not start is tried again: the first time, and at most."""
START_WAIT = 5.0
"""Seconds to wait for objects to start before a change counts as applied; slower ones go on alone.
"""
STARTERS = 32
"""How many objects start at the same time, at most."""
SHOWN_NAMES = 20


class Objects(ObjectsContract):
    """The configured objects of one worker.

    `server` is handed to each; `read(record)` returns a definition's settings with secrets and
    references resolved; `preview(edit)` returns the definition as an edit would store it; `leases`
    places what runs once; what is started is noted in `starts`, and what takes long in `overdue`;
    `settled()` is called when the state of one has changed.
    """

    def __init__(
        self,
        server: Server,
        registry: Registry,
        read: Callable[[DefinitionRecord], DefinitionSettings],
        preview: Callable[[Edit], DefinitionRecord],
        leases: Leases,
        wraps: Callable[[], list[Wrap]],
        starts: Starts | None = None,
        settled: Callable[[], None] | None = None,
        guards: Guards = no_guards,
        overdue: OverdueStarts | None = None,
    ) -> None:
        self.server = server
        self.registry = registry
        self.leases = leases
        self.inflight = InFlight()
        self.router = Router(server, registry, self, self.inflight, wraps, guards)
        self.retirement = Retirement(self.inflight)
        self._read = read
        self._preview = preview
        self._starts = starts or Starts()
        self._overdue = overdue or OverdueStarts(0.0, self._starts)
        self._settled = settled
        self._table: dict[Key, ManagedObject] = {}
        self._by_name: dict[tuple[str, str], ManagedObject] = {}
        self._unhealthy: dict[Key, ManagedObject] = {}
        self._reconnecting: list[Future[None]] = []
        self._lock = threading.RLock()
        self._starters = ThreadPoolExecutor(STARTERS, "start")
        # what a worker died of starts alone, and holds nothing else up
        self._lone_starter = ThreadPoolExecutor(1, "start alone")
        self._stopped = threading.Event()

    # -- configure ---------------------------------------------------------------------------------

    def apply(self, records: Iterable[DefinitionRecord], removed: Iterable[Key] = ()) -> None:
        """Bring these definitions to life, each in place of what it replaces, and take what was
        removed out of service.

        What is referred to starts first and ends last. Waits up to 5 s, and 1 ms for each; slower
        ones go on alone.
        """
        wanted = sorted(records, key=lambda record: _starting_order(record.kind))
        ending = self._mark_removed(removed)
        # what has a port to itself must let it go before another can take it
        self._bring_about([managed for managed in ending if managed.is_exclusive])
        for _, of_kind in groupby(wanted, lambda record: record.kind):
            self._bring_about([self._want(record) for record in of_kind])
        with self._lock:
            reconnecting = self._reconnecting
            self._reconnecting = []
        wait(reconnecting, START_WAIT)
        ending.sort(key=lambda managed: -_starting_order(managed.record.kind))
        for _, left in groupby(ending, lambda managed: managed.record.kind):
            self._bring_about([managed for managed in left if managed.removed])

    def _mark_removed(self, keys: Iterable[Key]) -> list[ManagedObject]:
        with self._lock:
            found = [self._table[key] for key in keys if key in self._table]
            for managed in found:
                managed.removed = True
            return found

    def _want(self, record: DefinitionRecord) -> ManagedObject:
        with self._lock:
            managed = self._table.get(record.key)
            if managed is None:
                managed = ManagedObject(record, self._unhealthy)
                self._table[record.key] = managed
                self._by_name[record.kind, record.name] = managed
            managed.record = record
            managed.become("starting")
            managed.attempts = 0
            managed.removed = False
            return managed

    def _bring_about(self, wanted: Iterable[ManagedObject]) -> None:
        """Have these objects brought to the state wanted, side by side, and wait for it."""
        queued: list[Future[None]] = []
        by_start = {start_of(managed.record): managed for managed in wanted}
        starting = [start for start, managed in by_start.items() if not managed.removed]
        parts = self._starts.parted(starting)
        suspects = {start for part in parts for start in part}
        for start, managed in by_start.items():
            future = None if start in suspects else self._queue(managed)
            if future is not None:
                queued.append(future)
        for part in parts:
            self._bring_about_suspects({start: by_start[start] for start in part})
        done, _ = wait(queued, START_WAIT + len(queued) / 1000)
        for future in done:
            error = future.exception()
            if error is not None:
                log.error("an object could not be placed", exc_info=error)

    def _bring_about_suspects(self, suspects: Mapping[str, ManagedObject]) -> None:
        """Bring about objects of which one may have ended a worker, and watch what comes of it."""
        with self._starts.watching(suspects):
            queued: list[Future[None]] = []
            with self._lock:
                if not self._stopped.is_set():
                    queued = [
                        self._starters.submit(self._settle, managed)
                        for managed in suspects.values()
                    ]
            wait(queued, START_WAIT)

    def _queue(self, managed: ManagedObject) -> Future[None] | None:
        """Have an object brought to the state wanted by then; one such task waits, however many
        changes there are.
        """
        with self._lock:
            if managed.queued is None and not self._stopped.is_set():
                blamed = self._starts.blamed(start_of(managed.record))
                starters = self._lone_starter if blamed else self._starters
                managed.queued = starters.submit(self._settle, managed)
            return managed.queued

    def _settle(self, managed: ManagedObject) -> None:
        """Bring an object to the state that is wanted now, and have a new state reported."""
        before = managed.reported
        self._bring(managed)
        if self._settled is not None and managed.reported != before:
            self._settled()

    def _bring(self, managed: ManagedObject) -> None:
        with managed.lock:
            with self._lock:
                managed.queued = None
                record = managed.record
            if managed.lease and managed.lease not in self.leases.tokens:
                self._take_out(managed, at_once=True)
            if managed.removed:
                self._remove(managed, record.key)
                return
            try:
                cls = self.registry.type(record.kind, record.type).cls
                config = self._read(record)
                managed.logins = frozenset(cls.logins(config))
            except (Invalid, NotFound) as error:
                managed.become("failed", error.detail)
                log.error("%s %s %r: %s", *record.key, error.detail)
            except Exception as error:
                self._retry(managed, record, error)
            else:
                self._place(managed, record, cls, config)

    def _place(
        self,
        managed: ManagedObject,
        record: DefinitionRecord,
        cls: type[Definition],
        config: DefinitionSettings,
    ) -> None:
        if not config.active and not cls.lives_inactive:
            self._withdraw(managed)
            managed.become("inactive")
        elif self._placed_here(managed, record, cls):
            self._replace(managed, record, cls, config)
        else:
            managed.become("elsewhere")

    def _remove(self, managed: ManagedObject, key: Key) -> None:
        self._withdraw(managed)
        kind, _, name = key
        with self._lock:
            if not managed.removed:
                return  # defined again meanwhile
            if self._table.get(key) is managed:
                del self._table[key]
            if self._by_name.get((kind, name)) is managed:
                del self._by_name[kind, name]
            self._unhealthy.pop(key, None)

    def _placed_here(
        self, managed: ManagedObject, record: DefinitionRecord, cls: type[Definition]
    ) -> bool:
        """Whether this worker is to run it now; if not, it is called back once it holds the lease."""
        if cls.placement == "worker":
            return True
        name = lease_name(cls.placement, self.server.name, record.key)
        if managed.lease != name:
            managed.lease = name

            def changed() -> None:
                # queued and not done here: starting may take long, and the thread that calls back
                # keeps all leases
                self._queue(managed)

            self.leases.want(name, lambda token: changed(), changed)
        return name in self.leases.tokens

    def _replace(
        self,
        managed: ManagedObject,
        record: DefinitionRecord,
        cls: type[Definition],
        config: DefinitionSettings,
    ) -> None:
        """Start a new object and put it in the place of the old one, unless it is quarantined."""
        subject = start_of(record)
        deaths = self._starts.quarantined(subject)
        if deaths is not None:
            self._quarantine(managed, record, deaths)
            return
        # it serves by the end of this block, which lasts longer for what was blamed before
        with self._starts.starting(subject, lasting=True):
            self._start(managed, record, cls, config)

    def _start(
        self,
        managed: ManagedObject,
        record: DefinitionRecord,
        cls: type[Definition],
        config: DefinitionSettings,
    ) -> None:
        old = managed.object
        changes = self.router.changes
        new: Definition | None = None
        try:
            new = cls(record.name, config, self.server)
            new.builtin = record.builtin
            self.router.connect(new)
            if cls.exclusive:
                self._take_out(managed, at_once=True)
            managed.begin(new)
            with owners.starting(new), self._overdue.noted(managed):
                new.start()
        except BaseException as error:  # sys.exit() or a cancelled coroutine is a failed start, too
            if new is not None:
                stop(new)
            self._retry(managed, record, error)
            return
        if self._stopped.is_set() or (managed.lease and managed.lease not in self.leases.tokens):
            stop(new)
            managed.become("elsewhere")
            return
        self._serve(managed, new)
        with self._lock:
            managed.serve("running" if config.active else "inactive")
        if isinstance(new, Channel) and changes != self.router.changes:
            self.router.reroute(new)  # something it refers to changed while it started
        self._recompile_users(record)
        if record.kind == "security":
            self._reconnect_users(record.name)
        if old is not None and not cls.exclusive:
            self.retirement.retire(old)

    def _serve(self, managed: ManagedObject, new: Definition | None) -> Definition | None:
        """Put an object, or None, in the place of the one that serves, which is returned."""
        with self._lock:
            old = managed.object
            managed.object = new
            if isinstance(old, Channel):
                self.router.discard(old)
            if isinstance(new, Channel):
                self.router.add(new)
        if old is not None:
            withdraw(old)
        return old

    # -- trouble -----------------------------------------------------------------------------------

    def _quarantine(self, managed: ManagedObject, record: DefinitionRecord, deaths: Deaths) -> None:
        """Leave out what has ended several processes in its start."""
        words = " ".join(self.registry.type(record.kind, record.type).path)
        remedy = f"edit it, or try it again by `hansa {words} release`"
        why = f"{deaths}; {remedy}"
        managed.become("quarantined", why)
        log.error("%s %s %r is quarantined: %s", *record.key, why)

    def release(self, key: Key) -> None:
        """Start a definition again that was quarantined."""
        with self._lock:
            managed = self._table.get(key)
        if managed is not None and managed.state == "quarantined":
            self._starts.forgive(start_of(managed.record))
            managed.become("starting")
            self._queue(managed)

    def _retry(
        self, managed: ManagedObject, record: DefinitionRecord, error: BaseException
    ) -> None:
        managed.attempts += 1
        detail = describe(error)
        delay = backoff_delay(managed.attempts, FIRST_RETRY, LAST_RETRY)
        managed.become("retrying", detail)
        log.warning("%s %s %r did not start, next try in %g s: %s", *record.key, delay, detail)
        if managed.timer is not None:
            managed.timer.cancel()

        def again() -> None:
            if managed.record is record:
                self._queue(managed)

        managed.timer = threading.Timer(delay, again)
        managed.timer.daemon = True
        managed.timer.start()

    def lost(self, broken: Definition, error: BaseException) -> None:
        """Stop an object that lost its other side, and start a new one with back-off; it may call
        from its own threads.
        """
        managed = self._table.get((broken.kind, broken.type, broken.name))
        with self._lock:  # not in the caller's thread: `stop` may wait for that to end
            if managed is not None and not self._stopped.is_set():
                self._starters.submit(self._start_over, managed, broken, error)

    def trouble(self, troubled: Definition, why: str) -> None:
        """Note why an object that serves on has trouble, or, with an empty text, that it is over.

        What one says while it starts is its state once it serves.
        """
        managed = self._table.get((troubled.kind, troubled.type, troubled.name))
        if managed is not None:
            with self._lock:
                managed.note_trouble(troubled, why)

    def _start_over(self, managed: ManagedObject, broken: Definition, error: BaseException) -> None:
        with managed.lock:
            if managed.object is broken and not managed.removed:
                if time.time() - managed.since > LAST_RETRY:
                    managed.attempts = 0  # it had been running for a while
                self._take_out(managed)
                self._retry(managed, managed.record, error)

    # -- stop --------------------------------------------------------------------------------------

    def _withdraw(self, managed: ManagedObject, *, at_once: bool = False) -> None:
        """Give up its object, then its place: what runs once must have stopped before it may start
        elsewhere.
        """
        self._take_out(managed, at_once=at_once or bool(managed.lease))
        if managed.lease:
            self.leases.unwant(managed.lease)
            managed.lease = ""

    def _take_out(self, managed: ManagedObject, *, at_once: bool = False) -> None:
        """Stop the object that serves: after its last user, or at once."""
        old = self._serve(managed, None)
        if old is None:
            return
        self._recompile_users(managed.record)
        if at_once:
            stop(old)
        else:
            self.retirement.retire(old)

    def _recompile_users(self, record: DefinitionRecord) -> None:
        if record.kind == "security":
            self.router.recompile("security", [record.name])

    def _reconnect_users(self, name: str) -> None:
        """Have what logs in by a security definition replaced, since that has changed."""
        self._replace_all(lambda managed: name in managed.logins)

    def renew(self, reference: str, value: object) -> None:
        """Have the objects made anew whose settings have this reference."""
        self._replace_all(lambda managed: refers_to(managed.record.data, reference, value))

    def _replace_all(self, is_meant: Callable[[ManagedObject], bool]) -> None:
        queued = []
        with self._lock:
            for managed in self._table.values():
                if is_meant(managed) and not managed.removed:
                    if managed.timer is not None:
                        managed.timer.cancel()
                    queued.append(self._queue(managed))
            left = [future for future in self._reconnecting if not future.done()]
            self._reconnecting = left + [future for future in queued if future is not None]

    def stop(self) -> None:
        """Stop everything, channels first."""
        self._starts.stop_watching()
        with self._lock:
            self._stopped.set()
            for starters in (self._starters, self._lone_starter):
                starters.shutdown(wait=False, cancel_futures=True)
        deadline = time.monotonic() + START_WAIT
        everything = list(self._table.values())
        everything.sort(key=lambda managed: -_starting_order(managed.record.kind))
        for managed in everything:
            # one that is still starting is not waited for; it stops itself, or ends with the
            # process
            held = managed.lock.acquire(timeout=max(0.0, deadline - time.monotonic()))
            self._withdraw(managed, at_once=True)
            if held:
                managed.lock.release()
        self.retirement.stop()

    # -- look --------------------------------------------------------------------------------------

    def get(self, kind: str, type: str, name: str) -> Definition:
        """Return a running object; an empty type means any. Raises `NotFound`, or `Unavailable`
        with its state.
        """
        if type:
            managed = self._table.get((kind, type, name))
        else:
            managed = self._by_name.get((kind, name))
        if managed is None or managed.removed:
            raise self._not_found(kind, type, name)
        if managed.object is None:
            raise managed.not_running
        return managed.object

    def _not_found(self, kind: str, type: str, name: str) -> NotFound:
        what = f"{kind} {type}" if type else kind
        names = self.names(kind, type)
        shown = names[:SHOWN_NAMES]
        if len(names) > SHOWN_NAMES:
            shown.append("...")
        error = NotFound(f"there is no {what} named {name!r}")
        error.reason = f"there are: {', '.join(shown) or 'none'}{did_you_mean(name, names)}"
        return error

    def security(self, name: str) -> Security:
        """Return a running security definition of any type; raises `NotFound`, or `Unavailable`
        with its state.
        """
        found = self.get("security", "", name)
        if not isinstance(found, Security):
            raise TypeError(f"{found.type} is registered as a type of security and is no Security")
        return found

    def names(self, kind: str, type: str = "") -> list[str]:
        """Return the names that are defined, sorted."""
        return sorted(
            managed.record.name
            for managed in list(self._table.values())
            if managed.record.kind == kind
            and type in ("", managed.record.type)
            and not managed.removed
        )

    def states(self) -> dict[str, ObjectState]:
        """Return the state of every definition, by `kind type name`."""
        return reported(self._table)

    def unhealthy(self) -> dict[str, ObjectState]:
        """Return the states of the definitions with which something is wrong, by `kind type name`."""
        return reported(self._unhealthy)

    def state(self, kind: str, type: str, name: str) -> ObjectState | None:
        """Return the state of one definition; None if there is no such."""
        managed = self._table.get((kind, type, name))
        return None if managed is None or managed.removed else managed.reported

    def make(
        self, kind: str, type: str, name: str, data: PlainSettings, *, mode: MakeMode = "set"
    ) -> Definition:
        """Make an object of these settings, as `define` would store them, without starting it.

        With the mode `edit` they are merged with what is stored. Raises `Invalid`, or `NotFound`.
        """
        record = self._preview(Edit((kind, type, name), data, mode))
        cls = self.registry.type(kind, type).cls
        return cls(name, self._read(record), self.server)


def _starting_order(kind: str) -> int:
    """The place of a kind in the order of starting; the kinds that plugins add come first, and end
    last.
    """
    return list(KINDS).index(kind) if kind in KINDS else -1
