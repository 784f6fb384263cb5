"""The admin services of what is wrong: `admin.problem.{list,note}`."""

from __future__ import annotations

import time
from typing import Annotated, Literal

import msgspec
from hansa import Journal, Model, setting

from .administration import Administration
from .cluster import ClusterOperation, objects_of
from .operation import Operation
from .problems import (
    Problem,
    problems_of_objects,
    problems_of_plugins,
    problems_of_queue,
    problems_of_servers,
    problems_of_workers,
)

JOURNAL = "problem notes"
MOST_NOTES = 1000
"""Notes that are kept, the newest."""


class Note(Model):
    """What somebody has noted about a problem."""

    id: Annotated[str, setting("Id of the problem")]
    text: Annotated[str, setting("The note")]
    by: Annotated[str, setting("Who wrote it")]
    at: Annotated[float, setting("Time, in seconds of the Unix epoch")]


class ListedProblem(Model):
    """Something that is wrong."""

    id: Annotated[str, setting("Its id, the same as long as the same thing is wrong with it")]
    severity: Annotated[Literal["error", "warning"], setting("How grave it is")]
    text: Annotated[str, setting("What is wrong")]
    kind: Annotated[
        str,
        setting("Kind of the definition; or server, worker, plugin, queue"),
    ]
    type: Annotated[str, setting("Type of the definition; else empty")]
    name: Annotated[str, setting("Name of the definition, server, worker or plugin")]
    since: Annotated[float, setting("Since when, in seconds of the Unix epoch; 0 if unknown")]
    count: Annotated[int, setting("How often it happened, or in how many workers it is so")]
    note: Annotated[Note | None, setting("The newest note about it; null if there is none")] = None


class ListedProblems(Model):
    """What is wrong in the cluster."""

    items: Annotated[list[ListedProblem], setting("Problems, the gravest first, then the newest")]
    total: Annotated[int, setting("Number of problems")]
    checked_at: Annotated[float, setting("Time of this check, in seconds of the Unix epoch")]
    unknown: Annotated[list[str], setting("What could not be found out, and why")]


class NoteInput(Model):
    """A note about a problem."""

    id: Annotated[str, setting("Id of the problem", min_length=1, max_length=64)]
    text: Annotated[str, setting("The note; empty to take back the one there is", max_length=1000)]


class ProblemList(ClusterOperation):
    """List what is wrong: servers, workers, definitions, packages and plugins, failed messages."""

    name = "admin.problem.list"
    right = "view"
    Output = ListedProblems

    def handle(self) -> ListedProblems:
        """Return it, as complete as it can be found out."""
        found = self.look()
        workers = self.workers(found, self.server.cluster.revision())
        objects = objects_of(found.reports, found.leases, self.definitions.names)
        problems = [
            *problems_of_servers(self.servers(found, workers)),
            *problems_of_workers(workers),
            *problems_of_objects(objects),
            *problems_of_plugins(
                self.server.resource(Administration).plugins.installed(self.server)
            ),
        ]
        if self.server.queue is not None:
            problems += problems_of_queue(self.server.queue.status())
        notes = Notes(self.server.journal(JOURNAL)).newest()
        items = [_shown(problem, notes.get(problem.id)) for problem in problems]
        items.sort(key=lambda one: (one.severity, -one.since, one.kind, one.type, one.name))
        return ListedProblems(
            items=items, total=len(items), checked_at=time.time(), unknown=found.unknown
        )


def _shown(problem: Problem, note: Note | None) -> ListedProblem:
    return ListedProblem(
        id=problem.id,
        severity=problem.severity,
        text=problem.text,
        kind=problem.kind,
        type=problem.type,
        name=problem.name,
        since=problem.since,
        count=problem.count,
        note=note,
    )


class ProblemNote(Operation):
    """Note something about a problem, for everybody who looks at it; or take the note back."""

    name = "admin.problem.note"
    right = "operate"
    Input = NoteInput
    Output = Note

    def handle(self) -> Note:
        """Keep it; the newest note of a problem counts."""
        asked: NoteInput = self.request.input
        note = Note(id=asked.id, text=asked.text, by=self.caller, at=time.time())
        Notes(self.server.journal(JOURNAL)).add(note)
        return note


class Notes:
    """The notes about problems, in a journal of the operational database (ODB)."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def newest(self) -> dict[str, Note]:
        """Return the newest note of each problem, by its id."""
        found: dict[str, Note] = {}
        for record in self._journal.read_back(limit=MOST_NOTES):
            note = msgspec.json.decode(record.text, type=Note)
            found.setdefault(note.id, note)
        return {id: note for id, note in found.items() if note.text}

    def add(self, note: Note) -> None:
        """Add a note; the oldest go once there are too many."""
        text = msgspec.json.encode(note).decode()
        newest = self._journal.read_back(limit=1)
        last = newest[0].number if newest else 0
        self._journal.append(lambda number, before: text, drop_through=max(0, last - MOST_NOTES))


OPERATIONS: tuple[type[Operation], ...] = (ProblemList, ProblemNote)
