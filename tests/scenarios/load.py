"""Clients for tests under load: plain sockets' worth of HTTP, no retries, every request numbered
and every answer kept.
"""

from __future__ import annotations

import base64
import http.client
import itertools
import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

SOURCE = '''
"""Counts: writes the number of each request to a file, once, and tells which version it is."""

import os
from hansa import Model, Service

VERSION = {version}

class Count(Service):
    """Writes a number down."""

    class Input(Model):
        """The number of the request."""
        number: int

    class Output(Model):
        """The number, and the version as the class and as the module know it."""
        number: int
        version: int
        again: int

    version = {version}

    def handle(self):
        """Append one line, in one write."""
        file = os.open({path!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            os.write(file, b"%d\\n" % self.request.input.number)
        finally:
            os.close(file)
        return self.Output(number=self.request.input.number, version=self.version, again=VERSION)
'''


@dataclass
class Answer:
    """One request as its client saw it: when it began, and the answer, or what went wrong."""

    number: int
    began: float
    version: int = 0
    fault: str = ""
    refused: bool = False  # the connection was refused: nobody accepted the request


@dataclass
class Load:
    """Clients that call until told to stop: half keep their connections, half use GET. A context
    manager.
    """

    port: int
    path: str
    clients: int = 16
    pause: float = 0.02
    headers: dict[str, str] = field(default_factory=dict)
    stop_when_refused: bool = False

    def __post_init__(self) -> None:
        self.answers: list[Answer] = []
        self._numbers = itertools.count(1)
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._call, args=(n % 2 == 0, n % 4 < 2), daemon=True)
            for n in range(self.clients)
        ]

    def __enter__(self) -> Load:
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

    def join(self, seconds: float = 60) -> None:
        """Wait until every client has had its last answer."""
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        assert not any(thread.is_alive() for thread in self._threads), (
            "a client still waits for its answer"
        )

    def _call(self, keep: bool, get: bool) -> None:
        connection: http.client.HTTPConnection | None = None
        headers = self.headers if keep else {**self.headers, "Connection": "close"}
        while not self._stopping.is_set():
            answer = Answer(next(self._numbers), time.monotonic())
            stays = False
            try:
                if connection is None:
                    connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
                    connection.connect()
                self._request(connection, answer.number, headers, get)
                stays = self._read(connection, answer) and keep
            except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
                answer.fault = f"{type(error).__name__}: {error}"
                # a kept connection that is closed is reset, not refused
                answer.refused = isinstance(error, ConnectionRefusedError)
            if connection is not None and not stays:
                connection.close()
                connection = None
            self.answers.append(answer)
            if answer.refused and self.stop_when_refused:
                return
            self._stopping.wait(self.pause)

    def _request(
        self,
        connection: http.client.HTTPConnection,
        number: int,
        headers: dict[str, str],
        get: bool,
    ) -> None:
        if get:
            connection.request("GET", f"{self.path}?number={number}", headers=headers)
            return
        body = json.dumps({"number": number})
        headers = {**headers, "Content-Type": "application/json"}
        connection.request("POST", self.path, body, headers)

    @staticmethod
    def _read(connection: http.client.HTTPConnection, answer: Answer) -> bool:
        """Read the answer; returns whether the connection can be used again."""
        response = connection.getresponse()
        body = response.read()
        if response.status != 200:
            answer.fault = f"{response.status} {body[:200]!r}"
        else:
            told = json.loads(body)
            answer.version = told["version"]
            if told["number"] != answer.number or told["again"] != told["version"]:
                answer.fault = f"mixed up: {told}"
        return not response.will_close

    @property
    def faults(self) -> list[Answer]:
        """The requests that failed, refused connections aside."""
        return [answer for answer in self.answers if answer.fault and not answer.refused]


def basic(user: str, password: str) -> dict[str, str]:
    """The header of HTTP Basic."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def handled(file: Path) -> Counter[int]:
    """How often each number was written down by the service."""
    return Counter(int(line) for line in file.read_text().split())
