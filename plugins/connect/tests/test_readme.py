"""The examples of the README do what it says."""

from __future__ import annotations

import re
import socket
import socketserver
import sys
import threading
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from hansa import Invalid, Login, Outgoing, Request, Response, Secret, TimedOut, load
from hansa_devkit import LocalServer, OutgoingContract
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


@pytest.fixture
def names(monkeypatch) -> dict[str, Any]:
    """The names of a module, where the types of its settings are looked up."""
    module = ModuleType("readme_of_connect")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return vars(module)


def test_a_login_from_a_security_definition(names):
    exec(block("PartnerOutgoing"), names)
    login = Login(username="ada", password=Secret("engine"))
    server = LocalServer(security={"partner": SimpleNamespace(login=lambda: login)})
    config = load(names["PartnerSettings"], {"security": "partner"})
    outgoing = names["PartnerOutgoing"]("p", config, server)
    outgoing.start()
    assert outgoing.connection == ("127.0.0.1", "ada", "engine")
    outgoing.stop()
    with pytest.raises(Invalid, match="give either this or password"):
        load(names["PartnerSettings"], {"security": "partner", "password": "p"})


@pytest.fixture(scope="module")
def talking_clock():
    """A clock that answers each line; one that asks for silence gets no answer."""

    class Answer(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            for line in self.rfile:
                if line == b"go away\n":
                    return
                if line != b"silence\n":
                    self.wfile.write(b"noon\n")

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    with Server(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,)).start()
        yield server.server_address[1]
        server.shutdown()


# asyncio itself complains of a loop that got no socket, which the kit tries
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
class TestAsyncioClient(OutgoingContract):
    """The example over asyncio's streams, held to the conformance kit."""

    @pytest.fixture(autouse=True)
    def _example(self, names, talking_clock):
        exec(block("ClockOutgoing"), names)
        self.cls, self.good = names["ClockOutgoing"], {"port": talking_clock}

    cls = Outgoing
    test_is_documented = None  # type: ignore[assignment] # a short example
    test_ping_is_true_with_its_peer = None

    def use(self, outgoing):
        assert outgoing.ask("what time is it?") == "noon"

    @pytest.mark.parametrize("question", ["silence", "go away"])
    def test_after_a_call_without_an_answer_the_connection_is_replaced(self, question):
        with self.running(timeout=0.1) as outgoing:
            with pytest.raises(TimedOut, match="the setting timeout sets"):
                outgoing.ask(question)
            wait_until(lambda: outgoing in self.server.losses, 5)
            assert "closed" in str(self.server.losses[outgoing])


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


def test_a_channel_that_pulls(names, capsys):
    exec(block("OrdersChannel"), names)
    got: list[tuple[bytes, int]] = []

    def dispatch(request):
        got.append((request.raw, request.attempt))
        outcomes = {b"bad": "reject", b"busy": "retry" if request.attempt < 3 else "done"}
        return answer(request, outcomes.get(request.raw, "done"))

    given = {"pool": 1, "interval": 0.01, "first_delay": 0.01}
    channel = names["OrdersChannel"]("orders", load(names["PullSettings"], given), LocalServer())
    channel.dispatch = dispatch
    channel.start()
    try:
        wait_until(lambda: (b"busy", 3) in got)
    finally:
        channel.stop()
    assert got == [(b"one", 1), (b"bad", 1), (b"busy", 1), (b"busy", 2), (b"busy", 3)]
    assert [body for body, _ in names["failed"]] == [b"bad"]
    assert capsys.readouterr().out.split("\n")[:2] == ["forget 1", "forget 3"]
    assert not names["orders"]
