"""Answers of the API that are used again for a moment, so that many browsers that look at the same
page cost one call.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from typing import TypeAlias

from .api import ANSWER_LIMIT, Access, ClusterApi, JsonObject

KEPT = 2.5
"""Seconds for which an answer is used again: a part that is asked for every 3 seconds has a new one
each time. With 20 dashboards, a second would take 2 % of a processor of the servers.
"""
KEPT_LONG = 14.5
"""The same for a part that is asked for every 15 seconds (`data-live="15"`)."""
MOST = 500
"""Answers that are kept at once; when there are more, those that are too old are forgotten."""


Question: TypeAlias = tuple[str, str, str]
"""Who asks, by the header that proves it, the service, and its input as JSON."""


class RecentAnswers:
    """The answers of one cluster a moment ago, by login, service and input: another login of a user may
    have ended, or be of a namesake with other roles.
    """

    def __init__(self, api: ClusterApi) -> None:
        self._api = api
        self._lock = threading.Lock()
        self._found: dict[Question, tuple[float, JsonObject]] = {}
        self._asked: dict[Question, Future[JsonObject]] = {}

    def known(self, service: str, data: Mapping[str, object], access: Access) -> JsonObject | None:
        """Return the answer of a service from a moment ago; None if there is none."""
        with self._lock:
            return self._kept(_question(service, data, access))

    def call(
        self, service: str, data: Mapping[str, object], access: Access, seconds: float = KEPT
    ) -> JsonObject:
        """Return the answer of a service, from a moment ago if there is one; else it is used again for
        so many seconds. Raises `ApiError`.
        """
        key = _question(service, data, access)
        with self._lock:
            answer = self._kept(key)
            if answer is not None:
                return answer
            asked = self._asked.get(key)
            if asked is None:
                own = self._asked[key] = Future[JsonObject]()
        if asked is not None:
            return asked.result(ANSWER_LIMIT)
        answer = self._ask(key, own, service, data, access)
        self._keep(key, answer, seconds)
        return answer

    def _kept(self, key: Question) -> JsonObject | None:
        until, answer = self._found.get(key, (0.0, None))
        return answer if time.monotonic() < until else None

    def _ask(
        self,
        key: Question,
        asked: Future[JsonObject],
        service: str,
        data: Mapping[str, object],
        access: Access,
    ) -> JsonObject:
        """Call a service for all who ask the same meanwhile; raises `ApiError`."""
        try:
            answer = self._api.call(service, data, access)
        except BaseException as error:
            asked.set_exception(error)
            with self._lock:
                del self._asked[key]
            raise
        asked.set_result(answer)
        return answer

    def _keep(self, key: Question, answer: JsonObject, seconds: float) -> None:
        now = time.monotonic()
        with self._lock:
            del self._asked[key]
            self._found[key] = (now + seconds, answer)
            if len(self._found) > MOST:
                self._found = {key: one for key, one in self._found.items() if one[0] > now}


def _question(service: str, data: Mapping[str, object], access: Access) -> Question:
    return (access.authorization, service, json.dumps(dict(data), sort_keys=True))
