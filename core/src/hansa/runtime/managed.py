"""What a worker has of one definition: the record wanted, the object that serves, and the state."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field

from ..contract.kinds import Definition
from ..contract.records import DefinitionRecord, Key, ObjectState, label
from ..foundation.errors import Inactive, Unavailable


@dataclass
class ManagedObject:
    """One definition in this worker: the record that is wanted, the object that serves, and how it
    does.

    `lock` is held while it is brought to the state wanted. `lease` names the lease under which it
    may run, empty for one that runs in every worker. `logins` are the security definitions by which
    it logs in. `starting` is the object that is being started, `early_trouble` what that says
    meanwhile is wrong. `removed` says that the definition is gone.
    """

    record: DefinitionRecord
    unhealthy: dict[Key, ManagedObject] = field(repr=False)
    object: Definition | None = None
    starting: Definition | None = None
    early_trouble: str = ""
    state: str = ""
    why: str = ""
    since: float = field(default_factory=time.time)
    attempts: int = 0
    lease: str = ""
    logins: frozenset[str] = frozenset()
    removed: bool = False
    queued: Future[None] | None = None
    timer: threading.Timer | None = None
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def is_exclusive(self) -> bool:
        """Whether the object that serves must stop before another one may start."""
        return self.object is not None and self.object.exclusive

    @property
    def reported(self) -> ObjectState:
        """The state as it is reported to other workers."""
        return ObjectState(self.state, self.why, self.since, self.record.revision)

    @property
    def not_running(self) -> Unavailable:
        """What whoever asks for the object is told while it has none."""
        kind, type, name = self.record.key
        text = f"{kind} {type} {name!r} is {self.state}"
        error = Inactive(text) if self.state == "inactive" else Unavailable(text)
        error.reason = self.why
        return error

    def begin(self, starting: Definition) -> None:
        """Note which object is being started."""
        self.early_trouble = ""
        self.starting = starting

    def serve(self, state: str) -> None:
        """Set the state of an object that has started, with what it said meanwhile is wrong."""
        self.become(state, self.early_trouble)
        self.starting = None

    def note_trouble(self, troubled: Definition, why: str) -> None:
        """Note what an object says is wrong with it: now, or once it serves."""
        if self.starting is troubled:
            self.early_trouble = why
        # while a successor does not start, the state says so, and not what is wrong with the one
        # that serves on
        elif self.object is troubled and self.state == "running":
            self.become("running", why)

    def become(self, state: str, why: str = "") -> None:
        """Set the state, note since when, and count as unhealthy unless it is `running` without
        trouble.
        """
        if (state, why) != (self.state, self.why):
            self.state = state
            self.why = why
            self.since = time.time()
        if state == "running" and not why:
            self.unhealthy.pop(self.record.key, None)
        else:
            self.unhealthy[self.record.key] = self


def start_of(record: DefinitionRecord) -> str:
    """Return what is noted while a definition is started: an edit makes it another start."""
    return f"{label(record.key)} at revision {record.revision}"


def reported(table: Mapping[Key, ManagedObject]) -> dict[str, ObjectState]:
    """Return the states of what is defined, by `kind type name`, as they are reported."""
    return {
        " ".join(managed.record.key): managed.reported
        for managed in list(table.values())
        if not managed.removed
    }
