"""The admin services of the audit log: `admin.audit.{list,verify,export}`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import msgspec
from hansa import JournalRecord, Model, setting
from hansa_admin.operation import Nothing, Operation

from .record import PlainRecord
from .trail import JOURNAL, AuditTrail, time_of
from .verification import Verifier, shown

PAGE = 1000


class Conditions(Model):
    """Which records to return; all conditions hold."""

    by: Annotated[str, setting("Only of this caller")] = ""
    service: Annotated[str, setting("Only of services whose name contains this text")] = ""
    outcome: Annotated[
        str, setting("Only with this outcome: ok, or the code of an error", example="forbidden")
    ] = ""
    text: Annotated[str, setting("Only records that contain this text, in upper or lower case")] = (
        ""
    )
    since: Annotated[float | None, setting("Only from then on, in seconds of the Unix epoch")] = (
        None
    )
    until: Annotated[float | None, setting("Only up to then, in seconds of the Unix epoch")] = None

    def matches(self, record: JournalRecord, data: PlainRecord) -> bool:
        """Whether a record is asked for, but for its time."""
        return (
            self.by in ("", data.get("by"))
            and self.outcome in ("", data.get("outcome"))
            and self.service in str(data.get("service", ""))
            and self.text.lower() in record.text.lower()
        )

    def is_in_time(self, record: JournalRecord) -> bool:
        """Whether a record was written in the time that is asked for."""
        if self.since is None and self.until is None:
            return True
        at = time_of(record)
        is_late_enough = self.since is None or at >= self.since
        return is_late_enough and (self.until is None or at <= self.until)


class Page(Conditions):
    """Which part of the list to return."""

    offset: Annotated[int, setting("Number of records to skip", ge=0)] = 0
    limit: Annotated[int, setting("Maximum number of records", ge=1, le=10_000)] = 100


class AuditRecord(Model):
    """One record."""

    number: Annotated[int, setting("Number of the record")]
    at: Annotated[float, setting("Time, in seconds of the Unix epoch")]
    server: Annotated[str, setting("Server that wrote it")]
    by: Annotated[str, setting("Name of the caller; empty for Hansa itself")]
    definition: Annotated[str, setting("Security definition that vouches for the caller")]
    account: Annotated[str, setting("Account of the caller, if it has one")] = ""
    roles: Annotated[list[str], setting("Roles of the caller, if it has any")] = []
    address: Annotated[str, setting("Address that the call came from")]
    channel: Annotated[str, setting("Type and name of the channel that it came by")]
    service: Annotated[str, setting("Admin service; empty for a change that was made without one")]
    names: Annotated[list[str], setting("Names that the caller gave")]
    settings: Annotated[list[str], setting("Names of the settings that the caller gave")]
    changes: Annotated[list[str], setting("What was stored: an action, a kind, a type and a name")]
    outcome: Annotated[
        str, setting("ok, begun for an action whose outcome follows, or the code of an error")
    ]
    revision: Annotated[int | None, setting("Revision of the change, if one was stored")]
    cid: Annotated[str, setting("Correlation id of the call")]
    count: Annotated[int, setting("Number of attempts that are recorded as one")]
    previous: Annotated[str, setting("SHA-256 digest of the record before")]


class AuditListed(Model):
    """A page of the list."""

    items: Annotated[list[AuditRecord], setting("Records, the newest first")]
    total: Annotated[int, setting("Number of records on all pages")]


class FaultFound(Model):
    """What is wrong."""

    number: Annotated[int, setting("Number of the record where it shows")]
    fault: Annotated[str, setting("What is wrong there")]


class Verified(Model):
    """The result of a verification."""

    records: Annotated[int, setting("Number of records")]
    first: Annotated[int, setting("Number of the oldest record; 0 if there is none")]
    last: Annotated[int, setting("Number of the newest record; 0 if there is none")]
    digest: Annotated[str, setting("SHA-256 digest of the newest record")]
    end_known: Annotated[
        bool,
        setting(
            "Whether the newest record is also kept outside of the ODB, so that it is noticed if "
            "the newest ones are removed"
        ),
    ]
    faults: Annotated[list[FaultFound], setting("What is wrong; empty if nothing is")]


class ExportPage(Conditions):
    """Which records to export, the oldest first."""

    after: Annotated[int, setting("Number of the record after which to begin", ge=0)] = 0
    limit: Annotated[int, setting("Maximum number of records to look at", ge=1, le=10_000)] = 1000


class Exported(Model):
    """A part of an export."""

    lines: Annotated[str, setting("One record in each line, as it is stored and hashed")]
    count: Annotated[int, setting("Number of lines")]
    last: Annotated[int, setting("Number of the last record looked at; 0 if there are no more")]


class AuditOperation(Operation):
    """An operation on the audit log."""

    abstract = True

    def newest_first(self, since: float | None) -> Iterator[JournalRecord]:
        """Yield the records, the newest first, at least those since then."""
        before = 0
        journal = self.server.journal(JOURNAL)
        while page := journal.read_back(before=before, limit=PAGE):
            yield from page
            before = page[-1].number
            if since is not None and time_of(page[-1]) < since:
                return


class AuditList(AuditOperation):
    """List the records of the audit log, the newest first."""

    name = "admin.audit.list"
    right = "view"
    Input = Page
    Output = AuditListed

    def handle(self) -> PlainRecord:
        """Return a page of the list."""
        asked: Page = self.request.input
        items: list[PlainRecord] = []
        total = 0
        for record in self.newest_first(asked.since):
            data = read(record)
            if not asked.is_in_time(record) or not asked.matches(record, data):
                continue
            if asked.offset <= total < asked.offset + asked.limit:
                items.append(data)
            total += 1
        return {"items": items, "total": total}


class AuditVerify(AuditOperation):
    """Verify the audit log: find records that were changed, removed or inserted, and say where."""

    name = "admin.audit.verify"
    right = "view"
    Input = Nothing
    Output = Verified

    def handle(self) -> PlainRecord:
        """Read all records, and return what was found."""
        # before the records: others are added meanwhile
        head = AuditTrail(self.server).head()
        journal = self.server.journal(JOURNAL)
        verifier = Verifier()
        after = 0
        while page := journal.read(after=after, limit=PAGE):
            verifier.read(page)
            after = page[-1].number
        return shown(verifier.end(head), end_known=head is not None)


class AuditExport(AuditOperation):
    """Return records of the audit log as JSON lines, the oldest first, as they are stored."""

    name = "admin.audit.export"
    right = "view"
    Input = ExportPage
    Output = Exported

    def handle(self) -> PlainRecord:
        """Return a part of the export."""
        asked: ExportPage = self.request.input
        page = self.server.journal(JOURNAL).read(after=asked.after, limit=asked.limit)
        wanted = [
            record
            for record in page
            if asked.is_in_time(record) and asked.matches(record, read(record))
        ]
        lines = "".join(f"{record.text}\n" for record in wanted)
        return {"lines": lines, "count": len(wanted), "last": page[-1].number if page else 0}


def read(record: JournalRecord) -> PlainRecord:
    """Return a record as plain data; of one that cannot be read only its number."""
    try:
        data: PlainRecord = msgspec.json.decode(record.text)
    except msgspec.DecodeError:
        return {"number": record.number}
    return data


OPERATIONS: tuple[type[Operation], ...] = (AuditList, AuditVerify, AuditExport)
