"""The admin services of logs: `admin.log.{read,groups}`.

Lines may quote what was sent, so that reading them needs the right to see payloads.
"""

from __future__ import annotations

import time
from typing import Annotated

from hansa import Invalid, Model, setting
from hansa_admin.operation import Operation

from .logs.cluster_logs import Found
from .logs.cursor import Cursor
from .logs.grouping import Groups
from .logs.query import MOST_LINES, Level, LogQuery
from .traces import Traces


class LogConditions(Model):
    """Which lines are meant: those that meet all conditions."""

    cid: Annotated[
        list[str],
        setting("Only lines of these correlation ids, and lines that name one of them"),
    ] = []
    level: Annotated[Level, setting("Lowest level")] = "DEBUG"
    logger: Annotated[
        str, setting("Only of this logger and those below it", example="hansa.service.orders")
    ] = ""
    text: Annotated[
        str, setting("Only lines that contain this text, in upper or lower case", max_length=1000)
    ] = ""
    servers: Annotated[list[str], setting("Only of these servers; by default of all")] = []
    since: Annotated[
        float | None, setting("Only lines of then or later, in seconds of the Unix epoch")
    ] = None
    until: Annotated[
        float | None, setting("Only lines of then or before, in seconds of the Unix epoch")
    ] = None

    def check(self) -> None:
        """Refuse what cannot be looked for; raises `Invalid`."""
        faults: dict[str, str] = {}
        if len(self.cid) > 100 or any(not 0 < len(cid) <= 200 for cid in self.cid):
            faults["cid"] = "must be at most 100 correlation ids of 1 to 200 characters"
        if self.since is not None and self.until is not None and self.since > self.until:
            faults["since"] = "is after the end"
        if faults:
            raise Invalid(faults)


class AskedGroups(LogConditions):
    """Which lines are grouped."""

    level: Annotated[Level, setting("Lowest level")] = "WARNING"


class AskedLines(LogConditions):
    """Which lines are read."""

    cursor: Annotated[
        str,
        setting("Only lines after an earlier answer: its `cursor`, with the same conditions"),
    ] = ""
    limit: Annotated[
        int,
        setting(
            "Maximum number of lines, the newest ones; with a cursor, of lines that each log goes "
            "on for, a little more at times",
            ge=1,
            le=MOST_LINES,
        ),
    ] = 200


class Line(Model):
    """A line of a log."""

    at: Annotated[float, setting("When, in seconds of the Unix epoch, by the server's clock")]
    server: Annotated[str, setting("Server that wrote it")]
    log: Annotated[str, setting("Log that it is in: server or access")]
    level: Annotated[str, setting("Its level; INFO in the access log")]
    logger: Annotated[str, setting("Its logger; access in the access log")]
    process: Annotated[int, setting("Process that wrote it; 0 in the access log")]
    cid: Annotated[str, setting("Correlation id; - outside of a message")]
    message: Annotated[str, setting("What it says, with the traceback, if any; secrets are masked")]


class Lines(Model):
    """Lines of the logs of the cluster."""

    items: Annotated[list[Line], setting("The lines, the oldest first")]
    more: Annotated[bool, setting("Whether older lines match, which are not returned")]
    cursor: Annotated[str, setting("Where to read on from")]
    missing: Annotated[
        list[str], setting("What could not be read: servers that did not answer, and files")
    ]
    reaches: Annotated[
        dict[str, float],
        setting("Time of the oldest line that was looked at, by server, in seconds"),
    ]


class Group(Model):
    """Lines that differ in numbers and identifiers only."""

    level: Annotated[str, setting("Their level")]
    logger: Annotated[str, setting("Their logger")]
    pattern: Annotated[str, setting("What they say, with * for what differs")]
    count: Annotated[int, setting("Number of lines")]
    first: Annotated[float, setting("When the first was written, in seconds of the Unix epoch")]
    last: Annotated[float, setting("When the last was written, in seconds of the Unix epoch")]
    latest_cid: Annotated[str, setting("Correlation id of the last")]


class LogGroups(Model):
    """Groups of lines of the cluster."""

    items: Annotated[list[Group], setting("The groups, the largest first")]
    total: Annotated[int, setting("Number of groups")]
    missing: Annotated[
        list[str], setting("What could not be read: servers that did not answer, and files")
    ]


class LogRead(Operation):
    """Read the logs of all servers: the newest lines that meet conditions, or those after a cursor."""

    name = "admin.log.read"
    right = "payloads"
    Input = AskedLines
    Output = Lines

    def handle(self) -> Lines:
        """Return the lines, merged by time."""
        asked: AskedLines = self.request.input
        cursor = Cursor.read(asked.cursor) if asked.cursor else None
        began = time.time()
        query = query_of(asked, limit=asked.limit, cursor=cursor)
        found = self.server.resource(Traces).logs.ask(query, asked.servers)
        return lines_of(found, cursor, asked.limit, began)


class LogGrouping(Operation):
    """Group the lines of the logs of all servers that say the same, the largest group first."""

    name = "admin.log.groups"
    right = "payloads"
    Input = AskedGroups
    Output = LogGroups

    def handle(self) -> LogGroups:
        """Return the groups of all servers together."""
        asked: AskedGroups = self.request.input
        query = query_of(asked, grouped=True)
        found = self.server.resource(Traces).logs.ask(query, asked.servers)
        groups = Groups()
        for answer in found.answers.values():
            for group in answer.groups:
                groups.add(group)
        items = [
            Group(
                level=group.level,
                logger=group.logger,
                pattern=group.pattern,
                count=group.count,
                first=group.first,
                last=group.last,
                latest_cid=group.latest_cid,
            )
            for group in groups.sorted()
        ]
        return LogGroups(items=items, total=len(items), missing=missing_of(found))


def query_of(
    asked: LogConditions,
    *,
    limit: int = MOST_LINES,
    cursor: Cursor | None = None,
    grouped: bool = False,
) -> LogQuery:
    """Return what is asked of each server."""
    return LogQuery(
        cids=asked.cid,
        level=asked.level,
        logger=asked.logger,
        text=asked.text,
        since=asked.since,
        until=asked.until,
        limit=limit,
        follow={} if cursor is None else cursor.positions,
        new_since=None if cursor is None else cursor.at,
        grouped=grouped,
    )


def lines_of(found: Found, cursor: Cursor | None, limit: int, began: float) -> Lines:
    """Return the lines of all servers, merged, and where to read on from."""
    items = []
    for server, answer in found.answers.items():
        for line in answer.lines:
            items.append(
                Line(
                    at=line.at,
                    server=server,
                    log=line.log,
                    level=line.level,
                    logger=line.logger,
                    process=line.process,
                    cid=line.cid,
                    message=line.message,
                )
            )
    items.sort(key=lambda line: line.at)
    more = any(answer.more for answer in found.answers.values())
    if cursor is None and len(items) > limit:
        items = items[-limit:]
        more = True
    # a server that did not answer is read on from where it was read up to
    positions = {} if cursor is None else dict(cursor.positions)
    for server, answer in found.answers.items():
        positions[server] = {**positions.get(server, {}), **answer.positions}
    reaches = {
        server: answer.reaches
        for server, answer in found.answers.items()
        if answer.reaches is not None
    }
    return Lines(
        items=items,
        more=more,
        cursor=Cursor(began, positions).text(),
        missing=missing_of(found),
        reaches=reaches,
    )


def missing_of(found: Found) -> list[str]:
    """Return what could not be read, in sentences."""
    sentences = list(found.missing.values())
    for server, answer in found.answers.items():
        sentences += [f"{server}: {fault}" for fault in answer.faults]
    return sentences


OPERATIONS: tuple[type[Operation], ...] = (LogRead, LogGrouping)
