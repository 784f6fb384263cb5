"""Who learns that clients come and go: the hook service, once each, also after a worker was killed."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hansa import Request, Response, Service, Unavailable, load
from hansa_devkit import LocalServer
from hansa_devkit.harness.ports import free_port
from hansa_devkit.harness.waiting import wait_until
from hansa_devkit.inbox import answer
from hansa_websocket.channel import WebSocketChannel
from hansa_websocket.presence import _locked

from plugins.websocket.tests.support import client, running


class Hook:
    """A service that notes what it is told, and what it does with the client by `act`."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.act: Any = lambda event: None

    def __call__(self, event: Any) -> None:
        self.events.append(dict(event))
        self.act(event)

    @property
    def told(self) -> list[str]:
        """The events by name."""
        return [event["event"] for event in self.events]

    def waits_for(self, count: int) -> list[dict[str, Any]]:
        """Wait for so many events."""
        wait_until(lambda: len(self.events) >= count, 30, f"{self.events}")
        return self.events


def echo(request: Request) -> Response:
    response = answer(request, "done")
    response.raw = request.raw
    return response


@contextmanager
def listening(hook: Any, folder: Path, dispatch: Any = echo, **settings: Any) -> Iterator[Any]:
    """A channel with a hook service, or without one."""
    given = {"port": free_port(), "service": "x", "timeout": 5, "hook_service": "hook", **settings}
    model: Any = type(
        "Definition", (WebSocketChannel.Config, WebSocketChannel.common), {"__doc__": "."}
    )
    server: Any = LocalServer(services={"hook": hook}, directory=folder)
    one = WebSocketChannel("Grüße/..", load(model, given), server)
    one.dispatch = dispatch
    with running(one):
        yield one


@pytest.fixture
def hook() -> Hook:
    return Hook()


def files(folder: Path) -> list[Path]:
    return [path for path in folder.glob("websocket/**/*") if path.is_file()]


def test_it_is_told_who_comes_and_goes(hook: Hook, tmp_path: Path):
    with listening(hook, tmp_path) as one:
        with client(one.config.port) as ada:
            ada.send("x")
            assert ada.recv(30) == "x"
            # before the first message
            (came,) = hook.events
            ada.close(4001, "bis später")
        _, went = hook.waits_for(2)
    same = ("channel", "client", "address", "security", "connected_at", "server")
    assert [came[key] for key in same] == [went[key] for key in same]
    assert came["event"] == "connected" and "code" not in came
    assert (came["channel"], came["address"], came["security"]) == ("Grüße/..", "127.0.0.1", "")
    assert (went["event"], went["code"], went["reason"]) == ("disconnected", 4001, "bis später")
    assert files(tmp_path) == []


def test_a_client_that_is_cut_off_has_gone(hook: Hook, tmp_path: Path):
    with listening(hook, tmp_path) as one:
        with client(one.config.port) as ada:
            hook.waits_for(1)
            ada.socket.shutdown(socket.SHUT_RDWR)
            hook.waits_for(2)
    assert hook.events[1]["code"] == 1006


def test_all_have_gone_when_the_channel_has_ended(hook: Hook, tmp_path: Path):
    with ExitStack() as clients, listening(hook, tmp_path) as one:
        for _ in range(20):
            clients.enter_context(client(one.config.port))
        hook.waits_for(20)
    assert hook.told == ["connected"] * 20 + ["disconnected"] * 20
    assert {event["code"] for event in hook.events[20:]} == {1001}
    assert len({event["client"] for event in hook.events[20:]}) == 20
    assert files(tmp_path) == []


def test_a_service_that_fails_keeps_nobody_out(
    hook: Hook, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    def act(event: Any) -> None:
        raise ValueError("it is broken")

    hook.act = act
    with listening(hook, tmp_path) as one:
        with client(one.config.port) as ada:
            ada.send("x")
            assert ada.recv(30) == "x"
        hook.waits_for(2)
    assert "hook failed when it was told that client" in caplog.text
    assert "it is broken" in caplog.text


def test_a_service_that_hangs_is_called_again_by_the_next_one(hook: Hook, tmp_path: Path):
    """It is not waited for without end; what it was not told by then is told later."""
    go, inside = threading.Event(), threading.Event()

    def act(event: Any) -> None:
        if event["event"] == "disconnected" and not go.is_set():
            inside.set()
            go.wait(30)

    hook.act = act
    settings = {"pool": 1, "timeout": 1.0}  # which handshakes have, too
    with ExitStack() as clients, listening(hook, tmp_path, **settings) as one:
        for _ in range(3):
            clients.enter_context(client(one.config.port))
        hook.waits_for(3)
        ending = threading.Thread(target=one.stop)
        ending.start()
        assert inside.wait(30)
        wait_until(lambda: one._listening is None, 30)
        go.set()
        ending.join(30)
        assert not ending.is_alive()
    with listening(hook, tmp_path):
        wait_until(lambda: hook.told.count("disconnected") == 3, 30)
        wait_until(lambda: all(path.name == "lock" for path in files(tmp_path)), 30)
    gone = [event["client"] for event in hook.events if event["event"] == "disconnected"]
    assert sorted(gone) == sorted({event["client"] for event in hook.events})


def test_who_was_connected_to_a_killed_worker_has_gone(hook: Hook, tmp_path: Path):
    with listening(hook, tmp_path) as one, client(one.config.port):
        hook.waits_for(1)
        (file,) = (path for path in files(tmp_path) if path.name != "lock")
        folder = file.parent
        # as a killed worker leaves it, beside one that lives
        left = folder.parent / "left"
        left.mkdir()
        told = json.loads(file.read_text())
        (left / "a.json").write_text(json.dumps({**told, "client": "a"}))
        (left / "b.json").write_text('{"clie')
        owned = folder.parent / "owned"
        owned.mkdir()
        (owned / "c.json").write_text(json.dumps({**told, "client": "c"}))
        with _locked(owned) as is_owner:
            assert is_owner
            with listening(hook, tmp_path):
                _, gone = hook.waits_for(2)
                wait_until(lambda: not left.exists(), 30)
        assert gone["client"] == "a" and gone["connected_at"] == told["connected_at"]
        assert (gone["event"], gone["code"]) == ("disconnected", 1006)
        assert gone["reason"] == "the worker ended"
        assert file.exists() and (owned / "c.json").exists()
        # nobody wants to know any more
        with listening(hook, tmp_path, hook_service=""):
            assert not owned.exists() and file.exists()
    assert len(hook.events) == 3


class Greets(Service):
    """Sends before the first message, and puts the client into a room."""

    name = "greets"
    seen: list[str] = []

    def handle(self) -> None:
        one, event = self.request.extra["client"], self.request.payload["event"]
        self.seen.append(event)
        if event == "connected":
            one.join("all")
            one.send("willkommen")
            return
        try:
            one.send("x")
        except Unavailable:
            self.seen.append("gone")


def test_the_service_reaches_the_client(tmp_path: Path):
    Greets.seen.clear()
    with listening(Greets, tmp_path) as one:
        with client(one.config.port) as ada:
            assert ada.recv(30) == "willkommen"
            assert len(one._rooms.members("all")) == 1
        wait_until(lambda: Greets.seen == ["connected", "disconnected", "gone"], 30)
