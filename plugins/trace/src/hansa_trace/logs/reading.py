"""Reads the logs of this server: back from their ends, or on from where they were read up to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from .files import LOGS, MOST_FILES, Budget, Log, OpenFile, blocks_back, blocks_on, end_of, opened
from .grouping import Groups
from .line import Read
from .query import (
    LARGEST_ANSWER,
    LONGEST_MESSAGE,
    LogAnswer,
    LogLine,
    LogQuery,
    Position,
    Positions,
    number_of,
)

SHORTENED = " (shortened)"


class Matcher:
    """Whether lines meet the conditions of a query."""

    def __init__(self, query: LogQuery) -> None:
        self._query = query
        self._needles = [cid.encode() for cid in query.cids]
        self._cids = frozenset(query.cids)
        self._level = number_of(query.level)
        self._text = query.text.casefold()

    def chosen(self, lines: Iterable[bytes]) -> Iterable[bytes]:
        """Return the lines that are worth reading."""
        if not self._needles:
            return lines
        return [line for line in lines if any(needle in line for needle in self._needles)]

    def matches(self, line: LogLine) -> bool:
        """Whether a line meets all conditions."""
        query = self._query
        if query.since is not None and line.at < query.since:
            return False
        if query.until is not None and line.at > query.until:
            return False
        if self._cids and line.cid not in self._cids and not self._mentions(line):
            return False
        if number_of(line.level) < self._level:
            return False
        if query.logger and not _is_below(line.logger, query.logger):
            return False
        return self._text in line.message.casefold()

    def _mentions(self, line: LogLine) -> bool:
        return any(cid in line.message for cid in self._cids)


def _is_below(logger: str, name: str) -> bool:
    return logger == name or logger.startswith(f"{name}.")


def read_logs(
    server: str, folder: Path, query: LogQuery, budget: Budget | None = None
) -> LogAnswer:
    """Return what the logs of a server in a folder have; what cannot be read is said in the answer."""
    follow = query.follow.get(server)
    if query.follow and follow is None and query.new_since is not None:
        since = query.new_since if query.since is None else max(query.since, query.new_since)
        query = msgspec.structs.replace(query, since=since)
    return LogReader(query, follow, budget or Budget()).read(folder)


class LogReader:
    """Answers one query from the logs of one folder: on from positions, if there are any."""

    def __init__(self, query: LogQuery, follow: Positions | None, budget: Budget) -> None:
        self._query = query
        self._follow = follow
        self._budget = budget
        self._matcher = Matcher(query)
        self._groups = Groups()
        self._answer = LogAnswer()

    def read(self, folder: Path) -> LogAnswer:
        """Read all logs, one after the other."""
        answer = self._answer
        for log in LOGS:
            try:
                with opened(folder, log) as files:
                    if self._follow is None:
                        self._read_back(files, log)
                    else:
                        self._read_on(files, log, self._follow)
            except OSError as error:
                answer.faults.append(f"{log.file} cannot be read: {error.strerror}")
        answer.groups = self._groups.sorted()
        if self._groups.left_out:
            answer.faults.append(f"{self._groups.left_out} lines are in no group: too many differ")
        if self._follow is None:
            _keep_newest(answer, self._query.limit)
        _bound(answer)
        return answer

    def _read_back(self, files: list[OpenFile], log: Log) -> None:
        """Read from the end to the beginning, as far as need be."""
        if files:
            self._answer.positions[log.name] = Position(files[0].inode, end_of(files[0]))
        room = self._query.limit
        for lines in _blocks(files):
            if self._budget.is_spent:
                self._say_incomplete(log)
                return
            self._budget.spend(sum(map(len, lines)))
            room = self._take_back(lines, log, room)
            if room < 0 or self._is_before(lines, log):
                return
        if len(files) == MOST_FILES:
            self._say_incomplete(log)

    def _take_back(self, lines: list[bytes], log: Log, room: int) -> int:
        """Take the matching lines of a block, the last one first; returns how many more there is
        room for, -1 if there was none for one that matches.
        """
        for raw in reversed(list(self._matcher.chosen(lines))):
            line = log.read(raw)
            if line is None or not self._matcher.matches(line):
                continue
            if self._query.grouped:
                self._groups.add_line(line)
                continue
            room -= 1
            if room < 0:
                self._answer.more = True
                break
            self._answer.lines.append(line)
        return room

    def _is_before(self, lines: list[bytes], log: Log) -> bool:
        """Whether a block begins before what is asked for; notes how far back it reaches."""
        answer = self._answer
        oldest = _first_time(lines, log.read)
        if oldest is None:
            return False
        answer.reaches = oldest if answer.reaches is None else min(answer.reaches, oldest)
        return self._query.since is not None and oldest < self._query.since

    def _say_incomplete(self, log: Log) -> None:
        self._answer.faults.append(f"{log.file} was not read to its beginning: it is too long")

    def _read_on(self, files: list[OpenFile], log: Log, follow: Positions) -> None:
        """Read on from where it was read up to, until there are enough lines."""
        known = follow.get(log.name)
        offset = 0
        ahead = files
        if known is not None:
            ahead = _from(files, known)
            offset = known.offset
        if known is not None and not ahead:
            self._answer.faults.append(f"{log.file} was moved away before all of it was read")
            ahead = files
            offset = 0
        positions = self._answer.positions
        found = 0
        for file in reversed(ahead):
            positions[log.name] = Position(file.inode, offset)
            for end, lines in blocks_on(file, offset):
                self._budget.spend(sum(map(len, lines)))
                matching = self._matching(lines, log)
                found += len(matching)
                self._answer.lines += matching
                positions[log.name] = Position(file.inode, end)
                if found >= self._query.limit or self._budget.is_spent:
                    return
            offset = 0

    def _matching(self, lines: list[bytes], log: Log) -> list[LogLine]:
        read = [log.read(raw) for raw in self._matcher.chosen(lines)]
        return [line for line in read if line is not None and self._matcher.matches(line)]


def _blocks(files: Iterable[OpenFile]) -> Iterator[list[bytes]]:
    for file in files:
        yield from blocks_back(file)


def _first_time(lines: list[bytes], read: Read) -> float | None:
    for raw in lines:
        line = read(raw)
        if line is not None:
            return line.at
    return None


def _from(files: list[OpenFile], position: Position) -> list[OpenFile]:
    """Return the files from a position on, the newest first; none if it is in none of them."""
    for index, file in enumerate(files):
        if file.inode == position.inode and file.size >= position.offset:
            return files[: index + 1]
    return []


def _keep_newest(answer: LogAnswer, most: int) -> None:
    """Sort the lines of all logs, and keep the newest."""
    # each log's are the newest first, and those of the same millisecond stay in their order
    answer.lines.reverse()
    answer.lines.sort(key=lambda line: line.at)
    if len(answer.lines) > most:
        answer.lines = answer.lines[-most:]
        answer.more = True


def _bound(answer: LogAnswer) -> None:
    """Sort the lines, shorten long ones, and leave out the oldest that are too long together."""
    answer.lines.sort(key=lambda line: line.at)
    size = 0
    for index in range(len(answer.lines) - 1, -1, -1):
        line = answer.lines[index]
        if len(line.message) > LONGEST_MESSAGE:
            line.message = line.message[:LONGEST_MESSAGE] + SHORTENED
        size += len(line.message)
        if size > LARGEST_ANSWER:
            answer.lines = answer.lines[index + 1 :]
            answer.more = True
            return
