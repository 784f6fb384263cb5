"""The admin services of the history: `admin.history.{list,get,revert}`."""

from __future__ import annotations

from typing import Annotated

from hansa import ChangeFilter, Invalid, Key, LoggedChange, Model, NotFound, Server, setting
from hansa_admin.administration import Administration
from hansa_admin.answers import NotRunning, PlainData, applied_data
from hansa_admin.configuration import NOTHING_DONE, Planned, shown
from hansa_admin.operation import LARGEST_NUMBER, Operation, require_number
from hansa_admin.outcome import Outcome

from .comparison import SettingChange, compare_settings, compare_sources
from .revert import Reversion, is_state, refuse_unknown, subjects_of
from .subject import Subject, is_package

SHOWN_SUBJECTS = 100
"""What a revision in a list names of what it has changed, at most."""


class AskedRevisions(Model):
    """Which revisions to list; all conditions hold for one of the things that were changed."""

    kind: Annotated[str, setting("Only of definitions of this kind; service for files")] = ""
    type: Annotated[str, setting("Only of definitions of this type; package for files")] = ""
    name: Annotated[str, setting("Only of definitions, or of the file, of this name")] = ""
    by: Annotated[str, setting("Only of this author")] = ""
    service: Annotated[str, setting("Only by this admin service", example="admin.config.apply")] = (
        ""
    )
    since: Annotated[float | None, setting("Only from then on, in seconds of the Unix epoch")] = (
        None
    )
    until: Annotated[float | None, setting("Only up to then, in seconds of the Unix epoch")] = None
    offset: Annotated[int, setting("Number of revisions to skip", ge=0, le=LARGEST_NUMBER)] = 0
    limit: Annotated[int, setting("Maximum number of revisions", ge=1, le=1000)] = 100

    def filter(self) -> ChangeFilter:
        """Return the conditions."""
        return ChangeFilter(
            self.kind, self.type, self.name, self.by, self.service, self.since, self.until
        )


class ChangedSubject(Model):
    """What a revision has changed."""

    action: Annotated[
        str,
        setting(
            "define, delete; deploy and rollback of a file; or an event, such as the restart of a "
            "server"
        ),
    ]
    kind: Annotated[str, setting("Kind of the definition, service for a file")]
    type: Annotated[str, setting("Type of the definition, package for a file")]
    name: Annotated[str, setting("Name of the definition or file")]


class Revision(Model):
    """One revision: all that was changed at once."""

    revision: Annotated[int, setting("Number of the revision")]
    at: Annotated[float, setting("Time, in seconds of the Unix epoch")]
    by: Annotated[
        str,
        setting(
            "Author: a user, pickup, or the name of a configuration file; empty for Hansa itself"
        ),
    ]
    service: Annotated[
        str, setting("Admin service by which it was made; empty if it was made without one")
    ]


class ListedRevision(Revision):
    """One revision in a list."""

    subjects: Annotated[
        list[ChangedSubject], setting(f"What was changed; the first {SHOWN_SUBJECTS}")
    ]
    count: Annotated[int, setting("Number of things that were changed")]


class Revisions(Model):
    """A page of the history."""

    items: Annotated[list[ListedRevision], setting("Revisions, the newest first")]
    total: Annotated[int, setting("Number of revisions on all pages")]
    first: Annotated[
        int, setting("Earliest revision that can be gone back to; 0 if nothing was removed")
    ]


class AskedRevision(Model):
    """Which revision to show."""

    revision: Annotated[int, setting("Number of the revision", ge=1, le=LARGEST_NUMBER)]
    everything: Annotated[bool, setting("Include settings that are the same")] = False
    offset: Annotated[int, setting("Number of changed things to skip", ge=0)] = 0
    limit: Annotated[int, setting("Maximum number of changed things", ge=1, le=1000)] = 100


class ShownChange(ChangedSubject):
    """What has become of one definition or file."""

    settings: Annotated[
        dict[str, SettingChange], setting("Settings of a definition before and after, by name")
    ]
    diff: Annotated[str, setting("Unified diff of a file's source, or of all files of a folder")]


class ShownRevision(Revision):
    """One revision, with what was before and after it."""

    changes: Annotated[list[ShownChange], setting("What was changed, by kind, type and name")]
    total: Annotated[int, setting("Number of changed things on all pages")]
    before_known: Annotated[
        bool,
        setting("Whether it is known how things were before; too old changes were removed"),
    ]


class AskedReversion(Model):
    """What to go back to."""

    revision: Annotated[
        int,
        setting("Revision to go back to: things become what they were after it", ge=0, example=42),
    ]
    subjects: Annotated[
        list[Subject],
        setting("Definitions and files that go back; by default all that there are and were"),
    ] = []
    undo: Annotated[
        bool,
        setting(
            "Take back what this revision has changed: things become what they were before it; "
            "all that it has changed, or the named ones"
        ),
    ] = False
    plan: Annotated[bool, setting("Only show what would be changed, and change nothing")] = False
    seen_revision: Annotated[
        int | None,
        setting(
            "Revision for which the plan was shown; refused if anything in it was changed since"
        ),
    ] = None

    def check(self) -> None:
        """Refuse a number that no revision has."""
        require_number("seen_revision", self.seen_revision)

    def keys(self, server: Server) -> list[Key] | None:
        """Return what goes back, None for all; raises `Invalid` or `NotFound`."""
        named = [subject.key for subject in self.subjects]
        if self.undo:
            changed = subjects_of(server, self.revision)
            faults = {
                ".".join(key): f"was not changed by revision {self.revision}"
                for key in named
                if key not in changed
            }
            if faults:
                raise Invalid(faults)
            return named or changed
        if named:
            refuse_unknown(server, self.revision, named)
        return named or None

    @property
    def target(self) -> int:
        """The revision whose state things go back to."""
        return self.revision - 1 if self.undo else self.revision


class Reverted(Planned):
    """What was changed, or would be."""

    seen_revision: Annotated[
        int, setting("Newest revision when it was planned: the `seen_revision` of what follows")
    ]
    revision: Annotated[
        int | None, setting("Revision of the change; null if nothing was changed, or only planned")
    ]
    applied: Annotated[list[str], setting("Workers that have applied it")]
    pending: Annotated[list[str], setting("Workers that have yet to apply it")]
    not_running: Annotated[
        list[NotRunning],
        setting("Created and edited definitions that do not run, and packages that are not loaded"),
    ]


class HistoryList(Operation):
    """List revisions, the newest first: who changed what, when, and by which admin service."""

    name = "admin.history.list"
    right = "view"
    Input = AskedRevisions
    Output = Revisions

    def handle(self) -> Revisions:
        """Return a page of the list."""
        asked: AskedRevisions = self.request.input
        change_log = self.server.change_log
        wanted = asked.filter()
        numbers = change_log.revisions(wanted, offset=asked.offset, limit=asked.limit)
        lines: dict[int, list[LoggedChange]] = {number: [] for number in numbers}
        for line in change_log.lines(numbers):
            lines[line.revision].append(line)
        # a revision may have been removed since its number was read
        items = [listed(of_one) for of_one in lines.values() if of_one]
        return Revisions(items=items, total=change_log.count(wanted), first=change_log.first())


class HistoryGet(Operation):
    """Show one revision: settings before and after, secrets masked, and sources as diffs."""

    name = "admin.history.get"
    right = "view"
    Input = AskedRevision
    Output = ShownRevision

    def handle(self) -> ShownRevision:
        """Return the revision; raises `NotFound`."""
        asked: AskedRevision = self.request.input
        lines = self.server.change_log.lines([asked.revision])
        if not lines:
            raise NotFound(f"the history has no revision {asked.revision}")
        page = lines[asked.offset : asked.offset + asked.limit]
        before = self._before(asked.revision, page)
        changes = [
            self._shown(line, (before or {}).get(line.key), asked.everything) for line in page
        ]
        return ShownRevision(
            **about(lines[0]),
            changes=changes,
            total=len(lines),
            before_known=before is not None,
        )

    def _before(self, revision: int, lines: list[LoggedChange]) -> dict[Key, LoggedChange] | None:
        """Return how things were before a revision; None if that is no longer known."""
        keys = [line.key for line in lines]
        try:
            return self.server.change_log.state_at(revision - 1, keys)
        except NotFound:
            return None

    def _shown(
        self, line: LoggedChange, before: LoggedChange | None, everything: bool
    ) -> ShownChange:
        settings: dict[str, SettingChange] = {}
        diff = ""
        kind, type, name = line.key
        if is_package(line.key):
            diff = self._diff(name, before, line)
        elif is_state(line):
            old = None if before is None else before.data
            settings = compare_settings(self.server, kind, type, old, line.data)
            settings = {
                name: one for name, one in settings.items() if everything or one.change != "same"
            }
        return ShownChange(
            action=line.action, kind=kind, type=type, name=name, settings=settings, diff=diff
        )

    def _diff(self, file: str, before: LoggedChange | None, line: LoggedChange) -> str:
        try:
            return compare_sources(self.server, file, before, line)
        except NotFound as error:
            return error.detail


class HistoryRevert(Operation):
    """Make definitions and files what they were at a revision: one, several, or all of them.

    It goes forward: what was, is a new revision, made by the same plan as that of a configuration
    that is applied. All of it or nothing is done.
    """

    name = "admin.history.revert"
    right = "develop"
    final = "sometimes"
    Input = AskedReversion
    Output = Reverted

    def handle(self) -> PlainData:
        """Return the plan, and what was done; raises `Invalid` with all that speaks against it."""
        asked: AskedReversion = self.request.input
        newest = self.server.cluster.revision()
        if asked.target < 0 or asked.revision > newest:
            raise Invalid({"revision": f"there is no such revision; the newest is {newest}"})
        keys = asked.keys(self.server)
        principal = self.request.principal
        reversion = Reversion(self.server, asked.target, keys, asked.seen_revision, principal)
        plan = reversion.plan
        answer = {**shown(plan), **NOTHING_DONE, "seen_revision": reversion.seen_revision}
        if asked.plan:
            return answer
        judges = self.server.resource(Administration)
        judges.require_edits(self.request.principal, plan.asked_edits)
        judges.require_proof(self.request.principal, plan.asked_edits)
        outcome = Outcome(self.server)
        applied = plan.apply(by=self.caller)
        if applied is None:
            return answer
        changed = [edit.key for edit in plan.edits if edit.data is not None]
        failures = outcome.failures(applied, packages=plan.packages, definitions=changed)
        return {**answer, **applied_data(applied), "not_running": failures}


def about(line: LoggedChange) -> PlainData:
    """Return what all lines of a revision have in common, as answers show it."""
    return {
        "revision": line.revision,
        "at": line.at,
        "by": line.by,
        "service": line.service,
    }


def listed(lines: list[LoggedChange]) -> ListedRevision:
    """Return a revision as lists show it."""
    subjects = []
    for line in lines[:SHOWN_SUBJECTS]:
        kind, type, name = line.key
        subjects.append(ChangedSubject(action=line.action, kind=kind, type=type, name=name))
    return ListedRevision(**about(lines[0]), subjects=subjects, count=len(lines))


OPERATIONS: tuple[type[Operation], ...] = (HistoryList, HistoryGet, HistoryRevert)
