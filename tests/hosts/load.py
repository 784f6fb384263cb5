"""Clients of the cluster on a host of their own, which keep what came of each request."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import ssl
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from hansa_devkit.harness.waiting import wait_until

from tests.hosts.network import Host

PATH: Final = "/count"
_TIMEOUT: Final = 30.0
_PAUSE: Final = 0.03
"""Seconds between two requests of a client: hosts that start need the processors, too."""
SOURCE: Final = '''
"""Takes a number, says which host took it, and has it noted by an asynchronous call."""

import os
import socket
from hansa import Model, Service


class Take(Service):
    """Takes a number."""

    class Input(Model):
        """The number."""
        number: int

    def handle(self):
        """Have it noted."""
        self.invoke_async("counting.note", {"number": self.request.input.number})
        return {"host": socket.gethostname(), "server": self.server.name}


class Note(Service):
    """Notes a number."""

    class Input(Model):
        """The number."""
        number: int

    def handle(self):
        """Append a line."""
        file = os.open("NOTES", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, b"%d\\n" % self.request.input.number)
        os.close(file)
'''
"""The service that is deployed, with the path of its notes left open."""


@dataclass
class Answers:
    """What came of the requests: the numbers that were taken, by host, and what failed."""

    taken: list[int] = field(default_factory=list)
    hosts: dict[str, int] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)


class Load:
    """So many clients that ask until told to end, over connections that are kept; a context
    manager.
    """

    _numbers = itertools.count(1)

    def __init__(self, host: Host, address: str, ca: Path, clients: int = 4) -> None:
        self.answers = Answers()
        self._host = host
        self._address = address
        self._context = ssl.create_default_context(cafile=str(ca))
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, daemon=True, name=f"client {one}")
            for one in range(clients)
        ]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join(_TIMEOUT * 2)

    def count(self, host: str = "") -> int:
        """Return how many requests were answered, by one host or by all."""
        with self._lock:
            found = self.answers.hosts
            return found.get(host, 0) if host else sum(found.values())

    def count_failed(self) -> int:
        """Return how many requests have failed."""
        with self._lock:
            return len(self.answers.failed)

    def wait_for(self, more: int, host: str = "") -> None:
        """Wait until so many more were answered, by one host or by all."""
        before = self.count(host)
        wait_until(
            lambda: self.count(host) >= before + more,
            60,
            f"{more} answers of {host or 'the cluster'}; failed: {self.answers.failed[-3:]}",
        )

    def _run(self) -> None:
        try:
            with self._host.network():
                while not self._stopped.is_set():
                    self._converse()
        except BaseException as error:  # a client that ends must not look like one without a fault
            self._note_failure(f"the client ended: {error!r}")

    def _converse(self) -> None:
        """Ask over one connection, until it is closed."""
        host, _, port = self._address.rpartition(":")
        connection = http.client.HTTPSConnection(
            host, int(port), timeout=_TIMEOUT, context=self._context
        )
        with contextlib.closing(connection):
            while not self._stopped.is_set():
                if not self._ask(connection):
                    return

    def _ask(self, connection: http.client.HTTPSConnection) -> bool:
        """Ask once; returns whether the connection is of further use."""
        number = next(self._numbers)
        try:
            body = json.dumps({"number": number})
            connection.request("POST", PATH, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._note_failure(f"{number}: {error!r}")
            time.sleep(0.05)
            return False
        if answer.status != 200:
            self._note_failure(f"{number}: {answer.status} {content[:200]!r}")
            time.sleep(0.05)
            return not answer.will_close
        told = json.loads(content)
        with self._lock:
            self.answers.taken.append(number)
            name = told["host"]
            self.answers.hosts[name] = self.answers.hosts.get(name, 0) + 1
        time.sleep(_PAUSE)
        return not answer.will_close

    def _note_failure(self, text: str) -> None:
        with self._lock:
            self.answers.failed.append(text)
