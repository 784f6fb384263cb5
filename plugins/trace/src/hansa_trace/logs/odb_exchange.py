"""Servers ask each other through the operational database (ODB) where the cluster has no Redis: a
journal of questions, which servers look at twice a second, and one of answers.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping

import msgspec
from hansa import Journal, JournalRecord, new_cid

from .exchange import Answerer, Exchange
from .query import LogAnswer, LogQuery, Question
from .redis_exchange import FORGOTTEN

LOOK_FOR_QUESTIONS = 0.5
LOOK_FOR_ANSWERS = 0.05
KEPT = 20
"""Questions and answers that are kept: older ones nobody waits for."""
ALL_BEFORE = 2**31 - 1


class Asked(msgspec.Struct):
    """A question, and to whom."""

    servers: list[str]
    question: Question


class Answered(msgspec.Struct):
    """An answer, to which question and by whom."""

    id: str
    server: str
    answer: LogAnswer


class OdbExchange(Exchange):
    """Questions and answers in journals of the ODB."""

    def __init__(self, journal: Callable[[str], Journal]) -> None:
        self._questions = journal("trace.questions")
        self._answers = journal("trace.answers")
        self._servers = journal("trace.servers")
        self._before: dict[str, int] = {}

    def announce(self, server: str) -> None:
        """Note the time at which a server runs."""
        now = time.time()

        def compose(number: int, last: JournalRecord | None) -> str:
            known = {**_times(last), server: now}
            kept = {name: at for name, at in known.items() if at >= now - FORGOTTEN}
            return msgspec.json.encode(kept).decode()

        self._servers.append(compose, drop_through=ALL_BEFORE)

    def known(self) -> Mapping[str, float]:
        """Return when each server was last there."""
        oldest = time.time() - FORGOTTEN
        records = self._servers.read_back(limit=1)
        times = _times(records[0] if records else None)
        return {name: at for name, at in times.items() if at >= oldest}

    def send(self, servers: Iterable[str], query: LogQuery) -> str:
        """Add the question to the journal."""
        asked = Asked(list(servers), Question(new_cid(), query))
        self._before[asked.question.id] = _newest(self._answers)
        _add(self._questions, asked)
        return asked.question.id

    def receive(self, id: str, count: int, seconds: float) -> dict[str, LogAnswer]:
        """Look for answers in the journal, again and again."""
        found: dict[str, LogAnswer] = {}
        until = time.monotonic() + seconds
        seen = self._before.pop(id)
        while len(found) < count and time.monotonic() < until:
            for record in self._answers.read(after=seen):
                seen = record.number
                answered = msgspec.json.decode(record.text, type=Answered)
                if answered.id == id:
                    found[answered.server] = answered.answer
            if len(found) < count:
                time.sleep(LOOK_FOR_ANSWERS)
        return found

    def serve(self, server: str, answer: Answerer, stopped: threading.Event) -> None:
        """Answer the questions that are added from now on."""
        seen = _newest(self._questions)
        while not stopped.wait(LOOK_FOR_QUESTIONS):
            for record in self._questions.read(after=seen):
                seen = record.number
                asked = msgspec.json.decode(record.text, type=Asked)
                if server in asked.servers:
                    question = asked.question
                    _add(self._answers, Answered(question.id, server, answer(question.query)))


def _add(journal: Journal, added: Asked | Answered) -> None:
    text = msgspec.json.encode(added).decode()
    drop_through = max(0, _newest(journal) - KEPT)
    journal.append(lambda number, last: text, drop_through=drop_through)


def _newest(journal: Journal) -> int:
    records = journal.read_back(limit=1)
    return records[0].number if records else 0


def _times(record: JournalRecord | None) -> dict[str, float]:
    return {} if record is None else msgspec.json.decode(record.text, type=dict[str, float])
