"""The change log in the ODB: looked up by what was changed, by whom and when, and pruned by age."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    and_,
    bindparam,
    delete,
    func,
    or_,
    select,
    update,
)

from ..contract.change_log import STATE_ACTIONS, ChangeFilter, ChangeLog, LoggedChange
from ..contract.records import Key
from ..foundation.errors import NotFound
from . import tables
from .database import Database
from .engine import guarded
from .transaction import Reader, batches

change = tables.change
cluster = tables.cluster


class OdbChangeLog(ChangeLog):
    """The change log of a cluster."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- read --------------------------------------------------------------------------------------

    def first(self) -> int:
        """Return the first revision whose whole state is still known; 0 if nothing was removed."""
        (row,) = self._database.rows(select(cluster.c.history_from))
        return int(row.history_from or 0)

    def count(self, asked: ChangeFilter) -> int:
        """Return the number of revisions that have a line which is asked for."""
        query = select(func.count(change.c.revision.distinct())).where(*_conditions(asked))
        (row,) = self._database.rows(query)
        return int(row[0])

    def revisions(self, asked: ChangeFilter, *, offset: int = 0, limit: int = 100) -> list[int]:
        """Return revisions that have a line which is asked for, the newest first."""
        query = select(change.c.revision).where(*_conditions(asked)).distinct()
        newest_first = query.order_by(change.c.revision.desc())
        rows = self._database.rows(newest_first.offset(offset).limit(limit))
        return [row.revision for row in rows]

    @guarded
    def lines(self, revisions: Iterable[int]) -> list[LoggedChange]:
        """Return all lines of some revisions, sorted by revision and key."""
        found: list[LoggedChange] = []
        with self._database.reader() as reader:
            for batch in batches(sorted(set(revisions))):
                rows = reader.run(select(change).where(change.c.revision.in_(batch)))
                found += map(_line, rows)
        return sorted(found, key=_order)

    @guarded
    def after(self, revision: int, keys: Collection[Key]) -> list[LoggedChange]:
        """Return the lines about some definitions and packages after a revision, in order."""
        query = select(change).where(change.c.revision > revision, _is_state())
        with self._database.reader() as reader:
            rows = _rows_about(reader, query, keys)
        return sorted(map(_line, rows), key=_order)

    @guarded
    def state_at(
        self, revision: int, keys: Collection[Key] | None = None
    ) -> dict[Key, LoggedChange]:
        """Return the newest line of each definition and package up to a revision, of all or of those
        in `keys`; raises `NotFound` for one before `first`.
        """
        c = change.c
        newest = (
            select(c.kind, c.type, c.name, func.max(c.revision).label("revision"))
            .where(c.revision <= revision, _is_state())
            .group_by(c.kind, c.type, c.name)
            .subquery("newest")
        )
        same = and_(
            c.kind == newest.c.kind,
            c.type == newest.c.type,
            c.name == newest.c.name,
            c.revision == newest.c.revision,
        )
        query = select(change).join(newest, same)
        with self._database.reader() as reader:
            rows = list(reader.run(query)) if keys is None else _rows_about(reader, query, keys)
        # looked up afterwards: lines may have been removed meanwhile
        first = self.first()
        if revision < first:
            reach = f"the history reaches back to revision {first}"
            raise NotFound(f"how everything was at revision {revision} is no longer known: {reach}")
        return {line.key: line for line in map(_line, rows)}

    # -- prune -------------------------------------------------------------------------------------

    def prune(self, before: float, *, portion: int = 500) -> Iterator[int]:
        """Remove the lines that are older than a moment, but for the newest of each kind; each step
        removes up to a portion of them, in a transaction of its own, and returns how many.
        """
        horizon = self._newest_before(before)
        if horizon == 0:
            return
        self._note_horizon(horizon)
        after = 0
        while True:
            rows = self._superseded(after, horizon, portion)
            if not rows:
                return
            self._remove(rows)
            after = rows[-1].revision - 1
            yield len(rows)

    def _newest_before(self, moment: float) -> int:
        """Return the newest revision that is older than a moment; 0 if there is none."""
        low = 0
        high = self._database.revision()
        # the first line at or after the middle says on which side the moment is
        while low < high:
            middle = (low + high + 1) // 2
            query = select(change.c.revision, change.c.at).where(change.c.revision >= middle)
            rows = self._database.rows(query.order_by(change.c.revision).limit(1))
            if rows and rows[0].at < moment:
                low = rows[0].revision
            else:
                high = middle - 1
        return low

    @guarded
    def _note_horizon(self, horizon: int) -> None:
        """Note, before anything is removed, up to which revision lines may be missing."""
        earlier = or_(cluster.c.history_from.is_(None), cluster.c.history_from < horizon)
        with self._database.engine.begin() as connection:
            connection.execute(update(cluster).where(earlier).values(history_from=horizon))

    def _superseded(self, after: int, horizon: int, limit: int) -> Sequence[Row[Any]]:
        """Return the keys of lines after a revision which have a successor up to the horizon."""
        c = change.c
        later = change.alias("later")
        is_successor = or_(later.c.action == c.action, c.action.in_(STATE_ACTIONS))
        successor = select(later.c.revision).where(
            later.c.kind == c.kind,
            later.c.type == c.type,
            later.c.name == c.name,
            later.c.revision > c.revision,
            later.c.revision <= horizon,
            is_successor,
        )
        query = select(c.revision, c.kind, c.type, c.name).where(
            c.revision > after, c.revision < horizon, successor.exists()
        )
        return self._database.rows(query.order_by(c.revision).limit(limit))

    @guarded
    def _remove(self, rows: Sequence[Row[Any]]) -> None:
        own = change.primary_key.columns
        this = delete(change).where(*(column == bindparam(f"of_{column.name}") for column in own))
        keys = [{f"of_{column.name}": row._mapping[column] for column in own} for row in rows]
        with self._database.engine.begin() as connection:
            connection.execute(this, keys)


def _is_state() -> ColumnElement[bool]:
    return change.c.action.in_(STATE_ACTIONS)


def _conditions(asked: ChangeFilter) -> list[ColumnElement[bool]]:
    """Return the conditions on lines that are asked for."""
    columns = {"kind": change.c.kind, "type": change.c.type, "name": change.c.name}
    columns |= {"by": change.c.by, "service": change.c.service}
    found = [
        column == getattr(asked, key) for key, column in columns.items() if getattr(asked, key)
    ]
    if asked.since is not None:
        found.append(change.c.at >= asked.since)
    if asked.until is not None:
        found.append(change.c.at <= asked.until)
    return found


def _rows_about(reader: Reader, query: Select[Any], keys: Collection[Key]) -> list[Row[Any]]:
    """Return the rows of a query that are about these keys."""
    if not keys:
        return []
    rows = reader.select_in(query, change.c.name, {name for _, _, name in keys})
    return [row for row in rows if (row.kind, row.type, row.name) in keys]


def _line(row: Row[Any]) -> LoggedChange:
    return LoggedChange(
        revision=row.revision,
        key=(row.kind, row.type, row.name),
        action=row.action,
        data=None if row.data is None else json.loads(row.data),
        by=row.by,
        service=row.service or "",
        at=row.at,
    )


def _order(line: LoggedChange) -> tuple[int, Key]:
    return line.revision, line.key
