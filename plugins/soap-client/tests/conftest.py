"""A SOAP server of other make (spyne) in a process of its own, and connections to it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hansa import load
from hansa.registry import Registry
from hansa_soap_client.outgoing import SoapOutgoing

SERVER = Path(__file__).with_name("foreign_server.py")


class Foreign:
    """The other side: can go away, come back at the same port, and stand still."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as first:
            self.port = first.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self.up()

    def up(self) -> None:
        self.process = subprocess.Popen([sys.executable, str(SERVER), str(self.port)], stderr=subprocess.DEVNULL)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert self.process.poll() is None, "the foreign SOAP server did not start"
                time.sleep(0.02)
        raise AssertionError("the foreign SOAP server did not start")

    def down(self) -> None:
        self.process.kill()
        self.process.wait()

    def pause(self) -> None:
        os.kill(self.process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.kill(self.process.pid, signal.SIGCONT)


@pytest.fixture(scope="session")
def foreign_process() -> Iterator[Foreign]:
    made = Foreign()
    yield made
    made.down()


@pytest.fixture
def foreign(foreign_process: Foreign) -> Iterator[Foreign]:
    if foreign_process.process.poll() is not None:
        foreign_process.up()
    yield foreign_process
    if foreign_process.process.poll() is None:
        foreign_process.go_on()


@pytest.fixture
def connect(foreign: Foreign, tmp_path: Path) -> Iterator[Callable[..., SoapOutgoing]]:
    made: list[SoapOutgoing] = []

    def start(version: str = "1.1", **settings: Any) -> SoapOutgoing:
        path = f"/{version}"
        given = {"address": foreign.address, "url_path": path, "wsdl": f"{foreign.address}{path}?wsdl"}
        given |= {"soap_version": version, "deadline": 5, "retry_delay": 0.02, **settings}
        server = SimpleNamespace(registry=Registry(), dir=tmp_path)
        outgoing = SoapOutgoing("quotes", load(SoapOutgoing.Config, given), server)
        made.append(outgoing)
        outgoing.start()
        return outgoing

    yield start
    for outgoing in made:
        outgoing.stop()
