"""Clients of a cluster: threads that call until told to stop, never repeat anything, and keep every
answer.
"""

from __future__ import annotations

import http.client
import json
import ssl
import threading
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any
from urllib.parse import urlencode

from tests.cluster.accounting import Account, percentile

REFUSED = (429, 503)


@dataclass
class Answer:
    """What came of one request: its numbers, when it began and ended (monotonic seconds), status,
    headers, what was told.
    """

    numbers: list[int]
    began: float
    client: int
    ended: float = 0.0
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)
    fault: str = ""

    @property
    def refused(self) -> bool:
        """Whether it was turned away, with a word on when to come again."""
        return self.status in REFUSED and "Retry-After" in self.headers

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.began


class Clients:
    """So many clients on one path: of four, two keep their connection, and `get` of the four use
    GET. A context manager.

    Each request carries `batch` fresh numbers of the account (`number` if it is one, else
    `numbers`) and the other `values`. It is acknowledged by 200. After a refusal a client waits
    `patience` seconds, after any other answer `pause`. With `at_most` the clients end by themselves
    once so many numbers were acknowledged.
    """

    def __init__(
        self,
        port: int,
        path: str,
        account: Account,
        *,
        clients: int = 8,
        get: int = 0,
        batch: int = 1,
        pause: float = 0.0,
        patience: float = 0.2,
        at_most: int = 0,
        timeout: float = 60.0,
        **values: Any,
    ) -> None:
        self.port, self.path, self.account, self.values = port, path, account, values
        self.get, self.batch, self.pause, self.patience = get, batch, pause, patience
        self.at_most, self.timeout = at_most, timeout
        self.tls: ssl.SSLContext | None = None
        self.answers: list[Answer] = []
        self.began, self.ended = time.monotonic(), 0.0
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._call, args=(n,), name=f"client-{n}", daemon=True)
            for n in range(clients)
        ]

    def __enter__(self) -> Clients:
        self.began = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self.join()

    def join(self, seconds: float = 90) -> None:
        """Wait until every client has its last answer."""
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        assert not any(thread.is_alive() for thread in self._threads), (
            "a client still waits for its answer"
        )
        self.ended = self.ended or time.monotonic()

    @property
    def ended_by_themselves(self) -> bool:
        """Whether what they were to do at most is done."""
        return bool(self.at_most) and len(self.account.acknowledged) >= self.at_most

    @property
    def faults(self) -> list[Answer]:
        """The requests that failed otherwise than by being refused."""
        return [answer for answer in list(self.answers) if answer.fault and not answer.refused]

    @property
    def refusals(self) -> list[Answer]:
        """The requests that were refused."""
        return [answer for answer in list(self.answers) if answer.refused]

    def within(self, share: float) -> float:
        """Seconds within which this share of the requests that succeeded were answered."""
        return percentile(
            (answer.seconds for answer in list(self.answers) if not answer.fault), share
        )

    def p99(self) -> float:
        """Seconds within which 99 % of the requests that succeeded were answered."""
        return self.within(0.99)

    @property
    def rate(self) -> float:
        """Acknowledged numbers a second."""
        return len(self.account.acknowledged) / ((self.ended or time.monotonic()) - self.began)

    # -- one client --------------------------------------------------------------------------------

    def _call(self, client: int) -> None:
        keep, get = client % 2 == 0, client // 2 % 4 < self.get
        connection: http.client.HTTPConnection | None = None
        while not self._stopping.is_set() and not self.ended_by_themselves:
            answer = Answer(self.account.attempt(self.batch), time.monotonic(), client)
            try:
                connection = connection or self._connection()
                if self._ask(connection, answer, keep, get) or not keep:
                    connection.close()
                    connection = None
            except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
                answer.fault = f"{type(error).__name__}: {error}"
                if connection is not None:
                    connection.close()
                connection = None
            answer.ended = time.monotonic()
            if not answer.fault:
                self.account.acknowledge(answer.numbers)
            self.answers.append(answer)
            self._stopping.wait(self.patience if answer.refused else self.pause)

    def _connection(self) -> http.client.HTTPConnection:
        if self.tls is None:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout)
        return http.client.HTTPSConnection(
            "localhost", self.port, timeout=self.timeout, context=self.tls
        )

    def _ask(
        self, connection: http.client.HTTPConnection, answer: Answer, keep: bool, get: bool
    ) -> bool:
        """One request and its answer; tells whether the server closes the connection."""
        numbers: dict[str, Any] = (
            {"numbers": answer.numbers} if self.batch > 1 else {"number": answer.numbers[0]}
        )
        headers = {} if keep else {"Connection": "close"}
        if get:
            connection.request(
                "GET", f"{self.path}?{urlencode({**self.values, **numbers})}", headers=headers
            )
        else:
            body = json.dumps({**self.values, **numbers})
            connection.request(
                "POST", self.path, body, {**headers, "Content-Type": "application/json"}
            )
        response = connection.getresponse()
        body_read = response.read()
        answer.status, answer.headers = response.status, dict(response.getheaders())
        if response.status != 200:
            answer.headers = {name.title(): value for name, value in answer.headers.items()}
            answer.fault = f"{response.status} {body_read[:300]!r}"
        else:
            answer.told = json.loads(body_read)
            if self.batch == 1 and answer.told["number"] != answer.numbers[0]:
                answer.fault = f"the answer to another request: {answer.told}"
        return response.will_close
