"""Servers ask each other through the cluster's Redis: a list of questions for each server, and one
of answers for each question, all of which expire.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from typing import cast

import msgspec
from hansa import Bus, new_cid
from redis import Redis

from .exchange import Answerer, Exchange
from .query import LogAnswer, LogQuery, Question

QUESTION_KEPT = 3
"""Seconds for which a question waits: then nobody waits for its answer."""
ANSWER_KEPT = 10
WAIT = 1.0
"""Seconds for which one call of Redis waits for a question."""
FORGOTTEN = 7 * 86400
"""Seconds after which a server that is not there is known no more."""


class Reply(msgspec.Struct):
    """An answer, and who gives it."""

    server: str
    answer: LogAnswer


class RedisExchange(Exchange):
    """Questions and answers in the cluster's Redis."""

    def __init__(self, client: Redis, bus: Bus) -> None:
        self._client = client
        self._bus = bus

    def announce(self, server: str) -> None:
        """Note the time at which a server runs."""
        self._client.hset(self._servers, server, str(time.time()))

    def known(self) -> Mapping[str, float]:
        """Return when each server was last there; those of long ago are forgotten."""
        found = cast("dict[str, str]", self._client.hgetall(self._servers))
        oldest = time.time() - FORGOTTEN
        known = {server: float(at) for server, at in found.items()}
        old = [server for server, at in known.items() if at < oldest]
        if old:
            self._client.hdel(self._servers, *old)
        return {server: at for server, at in known.items() if at >= oldest}

    def send(self, servers: Iterable[str], query: LogQuery) -> str:
        """Put the question into the list of each server."""
        question = Question(new_cid(), query)
        text = msgspec.json.encode(question)
        with self._client.pipeline(transaction=False) as pipeline:
            for server in servers:
                key = self._questions(server)
                pipeline.rpush(key, text)
                pipeline.expire(key, QUESTION_KEPT)
            pipeline.execute()
        return question.id

    def receive(self, id: str, count: int, seconds: float) -> dict[str, LogAnswer]:
        """Take answers from the list of the question."""
        found: dict[str, LogAnswer] = {}
        until = time.monotonic() + seconds
        while len(found) < count and (left := until - time.monotonic()) > 0.01:
            taken = self._take(self._answers(id), left)
            if taken is not None:
                reply = msgspec.json.decode(taken, type=Reply)
                found[reply.server] = reply.answer
        return found

    def serve(self, server: str, answer: Answerer, stopped: threading.Event) -> None:
        """Take questions from the list of a server, and answer them one by one."""
        while not stopped.is_set():
            taken = self._take(self._questions(server), WAIT)
            if taken is None:
                continue
            question = msgspec.json.decode(taken, type=Question)
            reply = Reply(server, answer(question.query))
            key = self._answers(question.id)
            with self._client.pipeline(transaction=False) as pipeline:
                pipeline.rpush(key, msgspec.json.encode(reply))
                pipeline.expire(key, ANSWER_KEPT)
                pipeline.execute()

    def _take(self, key: str, seconds: float) -> str | None:
        found = cast("tuple[str, str] | None", self._client.blpop([key], seconds))
        return None if found is None else found[1]

    @property
    def _servers(self) -> str:
        return self._bus.key("trace", "servers")

    def _questions(self, server: str) -> str:
        return self._bus.key("trace", "questions", server)

    def _answers(self, id: str) -> str:
        return self._bus.key("trace", "answers", id)
