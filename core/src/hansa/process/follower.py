"""Following the change log: a worker applies what changed, in order, and reports how far it is."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from itertools import groupby

from ..cluster.odb_watch import OdbWatch, check_odb
from ..contract.records import HeldKeys, ObjectState
from ..definitions.definitions import RELEASE
from ..deployment.failures import describe_error
from ..odb.database import Database
from ..odb.key_rotation import KEY_CHANGE
from ..odb.reports import WorkerReports
from ..odb.transaction import Change
from ..plugins.check import check_plugins
from ..plugins.discovery import starts_of
from ..runtime.server import WorkerServer
from .declared import declare_again

log = logging.getLogger("hansa.worker")

POLL = 2.0
"""Seconds between two looks at the change log when nobody nudges."""
HEARTBEAT = 5.0
"""Seconds between two reports when nothing changes."""
SPECIAL_KINDS = ("service", "plugin", "server", RELEASE)
"""Kinds of changes that do not change a definition."""


class Follower:
    """Applies the changes of the log in one worker, and reports what it has applied.

    `loading()` is a context in which what is deployed is loaded, and what is gone still serves;
    `tell(event, ...)` sends an event to the supervisor; `watch` is asked each time whether the
    server can do its work.
    """

    def __init__(
        self,
        server: WorkerServer,
        database: Database,
        loading: Callable[[], AbstractContextManager[None]],
        tell: Callable[..., None],
        watch: OdbWatch,
    ) -> None:
        self.server = server
        self._watch = watch
        self.database = database
        self._reports = WorkerReports(database)
        self.revision = 0
        self._loading = loading
        self._tell = tell
        self._failures: dict[str, ObjectState] = {}
        self._reported: Mapping[str, ObjectState] = {}
        self._last_report = 0.0
        self._reported_keys: HeldKeys | None = None
        self._key_declared_with = ""
        self._without_end: set[str] = set()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follow", daemon=True)

    def start(self) -> None:
        """Begin to follow the log, from `revision` on."""
        self._thread.start()

    def end(self) -> None:
        """Apply nothing more."""
        self._ended.set()

    def join(self) -> None:
        """Wait for the last report, else it would come after the end."""
        if self._thread.ident is not None:
            self._thread.join(POLL)

    @property
    def ended(self) -> threading.Event:
        """Set when nothing more is to be applied."""
        return self._ended

    def note_package(self, package: str, error: BaseException | None) -> None:
        """Note that a package cannot be loaded, or, without an error, that it is tried anew."""
        key = f"service package {package}"
        if error is None:
            self._failures.pop(key, None)
        else:
            self._fail(key, describe_error(error, package), error)

    def note_plugin(self, name: str, state: str, why: str) -> None:
        """Note that a plugin is not loaded here, though it should be."""
        self._failures[f"plugin  {name}"] = ObjectState(state, why, time.time(), 0)

    def note_failed_successor(self, why: str) -> None:
        """Note that the worker that was to replace this one did not start."""
        text = f"goes on, since its successor did not start: {why}"
        self._failures[self._own_key] = ObjectState("failed", text, time.time(), 0)
        self.server.wake.set()

    def note_end(self, worker: str) -> None:
        """Have the report of another worker of this server dropped, which has ended without doing so
        itself: whoever waits for its answer then waits no longer.
        """
        self._without_end.add(worker)
        self.server.wake.set()

    @property
    def _own_key(self) -> str:
        return f"worker  {self.server.worker}"

    def report(self) -> None:
        """Report what was applied, and the objects with which something is wrong."""
        self._reported = self._unhealthy()
        self._last_report = time.monotonic()
        server = self.server
        self._reported_keys = self._held_keys()
        self._reports.report(
            server.id, server.name, self.revision, self._reported, self._reported_keys
        )

    def _held_keys(self) -> HeldKeys:
        keys = self.server.keys
        file = "" if keys.file is None else str(keys.file.resolve())
        return HeldKeys(keys.fingerprints, file)

    def _unhealthy(self) -> dict[str, ObjectState]:
        return {**self.server.objects.unhealthy(), **self._failures}

    def _run(self) -> None:
        while not self._ended.is_set():
            self.server.wake.wait(POLL)
            self.server.wake.clear()
            try:
                self._forget_ended()
                self._look()
                self._turn()
            except Exception as error:
                log.error("the change log cannot be followed at the moment: %s", error)
                self._ended.wait(POLL)

    def _forget_ended(self) -> None:
        """Drop the reports of workers that could not; what fails is tried at the next turn."""
        for worker in list(self._without_end):
            self._reports.forget(worker)
            self._without_end.discard(worker)

    def _look(self) -> None:
        """Look at the ODB, and go over to the key that it names."""
        self.server.fault = self._watch.fault()
        current = self.server.keys.fingerprint
        if current != self._key_declared_with and self.server.worker == 0:
            declare_again(self.server, self.server.keys)
        self._key_declared_with = current

    def _changes(self) -> list[Change]:
        """Return what was changed since; the log is not read where the last look found it unchanged."""
        is_news = self._watch.revision != self.revision
        return self.database.changes(self.revision) if is_news else []

    def _turn(self) -> None:
        changes = self._changes()
        for group in _steps(changes):
            definitions = [change for change in group if change.kind not in SPECIAL_KINDS]
            special = [change for change in group if change.kind in SPECIAL_KINDS]
            if definitions and special:
                self._follow_both(special, definitions)
            elif definitions:
                self._follow_definitions(definitions)
            else:
                for change in special:
                    self._follow_special(change)
        overdue = time.monotonic() - self._last_report > HEARTBEAT
        if changes or overdue or self._has_news():
            self.report()

    def _has_news(self) -> bool:
        """Whether anything but the revision is other than it was reported."""
        return self._unhealthy() != self._reported or self._held_keys() != self._reported_keys

    def _follow_definitions(self, changes: list[Change]) -> None:
        """Apply changes of definitions in a row together: of one transaction, or of several."""
        keys = {(change.kind, change.type, change.name) for change in changes}
        newer = self.server.definitions.store.all(after=self.revision)
        records = [record for record in newer if record.key in keys]
        self.server.objects.apply(records, keys - {record.key for record in records})
        self.revision = changes[-1].revision

    def _follow_both(self, packages: list[Change], definitions: list[Change]) -> None:
        """Apply a change of packages and definitions: what is new is there before definitions refer
        to it, and what is gone serves until none does.
        """
        keys = [_key_of(change) for change in packages]
        for key in keys:
            self._failures.pop(key, None)
        with ExitStack() as loaded:
            try:
                loaded.enter_context(self._loading())
            except Exception as error:
                self._fail(keys[0], f"{type(error).__name__}: {error}", error)
            self._follow_definitions(definitions)

    def _follow_special(self, change: Change) -> None:
        """Apply a change that concerns no definition."""
        if (change.kind, change.type, change.name) == KEY_CHANGE:
            # what cannot be done now is not applied, and is tried again
            self._look()
            self.revision = change.revision
            return
        key = _key_of(change)
        self._failures.pop(key, None)
        try:
            if change.kind == "service":
                with self._loading():
                    pass
            elif change.kind == "plugin":
                self._failures.pop(self._own_key, None)
                for subject in starts_of(change.name):
                    self.server.starts.forgive(subject)
                self._tell("reload", revision=change.revision)
            elif change.kind == RELEASE:
                self._release(change)
            elif change.name == self.server.name and self.server.worker == 0:
                # else it would end and not come back, or come back without a plugin
                check_odb(self.server.config.path, self.server.dir)
                check_plugins(
                    self.server.config.path,
                    blocked=self.database.blocked_plugins(),
                    needed=self.server.plugins.loaded,
                )
                self._tell("restart")
        except Exception as error:
            self._fail(key, f"{type(error).__name__}: {error}", error)
        self.revision = change.revision

    def _release(self, change: Change) -> None:
        """Try a definition again that was quarantined."""
        kind, _, type = change.type.partition(" ")
        self.server.objects.release((kind, type, change.name))

    def _fail(self, key: str, why: str, error: BaseException) -> None:
        self._failures[key] = ObjectState("failed", why, time.time(), 0)
        log.error("%s: %s", key, why, exc_info=error)


def _key_of(change: Change) -> str:
    """Return the key by which the state of what was changed is reported."""
    return " ".join((change.kind, change.type, change.name))


def _steps(changes: Sequence[Change]) -> Iterator[list[Change]]:
    """Return changes in the parts that are applied together, in order: each revision that changes
    packages and definitions by itself, and others in a row.
    """
    special = {change.revision for change in changes if change.kind in SPECIAL_KINDS}
    plain = {change.revision for change in changes if change.kind not in SPECIAL_KINDS}
    mixed = special & plain

    def part_of(change: Change) -> tuple[bool, int]:
        is_mixed = change.revision in mixed
        is_special = change.kind in SPECIAL_KINDS
        return is_special and not is_mixed, change.revision if is_mixed else 0

    for _, group in groupby(changes, part_of):
        yield list(group)
