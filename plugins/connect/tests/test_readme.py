"""The examples of the README do what it says."""

from __future__ import annotations

import re
import socket
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hansa import Request, Response, load
from hansa_devkit import LocalServer
from hansa_devkit.harness.waiting import wait_until
from hansa_devkit.inbox import answer

BLOCKS = re.findall(
    r"<!-- run -->\n```python\n(.*?)```",
    (Path(__file__).parents[1] / "README.md").read_text(),
    re.S,
)


def block(word: str) -> str:
    [found] = [text for text in BLOCKS if word in text]
    return found


@pytest.fixture
def clock():
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                while connection.recv(1000):
                    connection.sendall(b"noon")

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(10)


def test_a_pool(clock):
    names = {"PORT": clock}
    exec(block("Telnet"), names)
    assert names["answer"] == b"noon"


def test_a_channel_that_polls(tmp_path, monkeypatch):
    module = ModuleType("readme_of_connect")
    monkeypatch.setitem(
        sys.modules, module.__name__, module
    )  # where the types of its settings are looked up
    names = vars(module)
    exec(block("LinesChannel"), names)
    (tmp_path / "lines").write_bytes(b"one\ntwo\n")
    config = load(names["LinesSettings"], {"path": str(tmp_path / "lines"), "interval": 0.02})
    channel, got = names["LinesChannel"]("lines", config, LocalServer()), []

    def dispatch(request: Request) -> Response:
        got.append(request.raw)
        return Response()

    channel.dispatch = dispatch
    channel.start()
    try:
        wait_until(lambda: got == [b"one\n", b"two\n"])
        with open(tmp_path / "lines", "ab") as file:
            file.write(b"three\n")
        wait_until(lambda: got[2:] == [b"three\n"])
    finally:
        channel.stop()


def test_a_channel_that_reads_on_from_a_mark(tmp_path, monkeypatch):
    module = ModuleType("readme_of_connect")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    names, path, got = vars(module), tmp_path / "ledger", []
    exec(block("LedgerChannel"), names)
    path.write_text("one\ntwo\n")

    def dispatch(request: Request) -> Response:
        got.append(request.payload)
        return Response()

    config = load(names["LedgerSettings"], {"path": str(path), "interval": 0.02})
    for expected in (
        [{"id": 1, "text": "one"}, {"id": 2, "text": "two"}],
        [{"id": 3, "text": "three"}],
    ):
        channel = names["LedgerChannel"]("ledger", config, LocalServer(directory=tmp_path))
        channel.dispatch = dispatch
        channel.start()
        wait_until(lambda expected=expected: got == expected)
        channel.stop()
        got.clear()
        with open(path, "a") as file:
            file.write("three\n")


def test_a_channel_of_a_broker():
    names: dict[str, Any] = {"__name__": "readme_of_connect"}
    got: list[bytes] = []
    exec(block("QueueChannel"), names)

    def dispatch(request):
        got.append(request.raw)
        return answer(request, "reject" if request.raw == b"bad" else "done")

    channel = names["QueueChannel"](
        "queue", load(names["ConsumerSettings"], {"pool": 1}), LocalServer()
    )
    channel.dispatch = dispatch
    channel.start()
    try:
        wait_until(lambda: got == [b"one", b"bad", b"two"] and names["dead_letters"] == [b"bad"])
    finally:
        channel.stop()
