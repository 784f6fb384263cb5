"""Channels of WebSockets as services of the Zato dialect use them: hooks, and `self.wsx` from any
worker; the worker that clients are connected to is killed.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hansa import Misused
from hansa_devkit.background import in_background
from hansa_devkit.harness.api_server import RunningServer
from hansa_devkit.harness.ports import free_port
from hansa_devkit.harness.waiting import wait_until
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection
from zato.server.service import WSXHook

from plugins.websocket.tests.support import client
from plugins.zato.tests.facade import Facade

pytestmark = pytest.mark.evidence("real_server", "kills")
SOURCE = """
import os

from zato.common import ConnectionException
from zato.server.service import Service, WSXHook


class Hook(WSXHook):
    name = "desk.hook"

    def on_connected(self):
        self.note()
        self.wsgi_environ["zato.wsx"].send("willkommen")

    def on_disconnected(self):
        self.note()

    def note(self):
        ctx = self.request.input.ctx
        line = " ".join((ctx.hook_type, ctx.config.name, ctx.pub_client_id, ctx.peer_address))
        with open("EVENTS", "a") as file:
            file.write(f"{line} {os.getpid()} {ctx.connection_time.year}\\n")


class Echo(Service):
    name = "desk.echo"

    def handle(self):
        self.response.payload = self.request.raw_request


class Ask(Service):
    name = "desk.ask"

    def handle(self):
        client = self.request.payload["client"]
        try:
            self.wsx.invoke("nobody")
        except ConnectionException as error:
            said = str(error)
        answer = self.wsx.invoke(client, {"who": client}, timeout=60)
        self.response.payload = {"answer": answer, "said": said}


class Tell(Service):
    name = "desk.tell"

    def handle(self):
        desk = self.wsx["Desk"]
        clients = desk.clients()
        for one in clients:
            desk.send(one.pub_client_id, {"to": one.id})
        try:
            desk.send("nobody", "x")
        except ConnectionException as error:
            said = str(error)
        self.response.payload = {
            "pid": os.getpid(),
            "clients": [one.id for one in clients],
            "sent": desk.broadcast("für alle"),
            "in_room": desk.broadcast("x", room="none"),
            "said": said,
        }
"""


def noted(file: Path) -> list[list[str]]:
    """What the hook was told."""
    return [line.split() for line in file.read_text().splitlines()] if file.exists() else []


def greeted(port: int) -> ClientConnection:
    """A client, once somebody listens, and the hook has greeted it."""
    found: list[ClientConnection] = []

    def tried() -> bool:
        try:
            found.append(client(port).__enter__())
        except (OSError, WebSocketException):
            return False
        return True

    wait_until(tried, 60)
    assert found[0].recv(30) == "willkommen"
    return found[0]


def told(server: RunningServer) -> Any:
    return server.api("admin.service.invoke", name="desk.tell")["payload"]


def test_clients_come_and_go_and_are_reached_from_everywhere(
    start_server: Callable[..., RunningServer], tmp_path: Path
):
    file = tmp_path / "events"
    port = free_port()
    server = start_server(workers=2, plugins=["websocket", "http", "json", "zato"])
    server.deploy("desk.py", SOURCE.replace("EVENTS", str(file)))
    settings = {"port": port, "service": "desk.echo", "hook_service": "desk.hook"}
    server.api("admin.channel.websocket.create", name="Desk", **settings)
    with greeted(port) as ada, greeted(port) as eve:
        first = noted(file)[0][2]
        ids = {event[2] for event in noted(file)}
        pids = {event[4] for event in noted(file)}
        asked: set[str] = set()

        def all_workers_have_told() -> bool:
            found = told(server)
            assert set(found["clients"]) == ids and found["sent"] == 2
            assert found["in_room"] == 0 and "no client nobody" in found["said"]
            for each in (ada, eve):
                assert json.loads(each.recv(30))["to"] in ids
                assert each.recv(30) == "für alle"
            asked.add(found["pid"])
            return len(asked) == 2

        wait_until(all_workers_have_told, 60)
        call = {"name": "desk.ask", "payload": {"client": first}}
        calling = in_background(server.api, "admin.service.invoke", call)
        assert json.loads(ada.recv(60)) == {"who": first}
        ada.send('{"name": "Ada"}')
        found = calling.result(60)["payload"]
        assert found["answer"] == {"name": "Ada"} and "no channel has" in found["said"]
        assert [event[:2] for event in noted(file)] == [["wsx_on_connected", "Desk"]] * 2
        eve.close()
        wait_until(lambda: len(noted(file)) == 3, 30)
        assert noted(file)[2][0] == "wsx_on_disconnected"
        (pid,) = pids
        os.kill(int(pid), signal.SIGKILL)
        # another worker listens now, and tells
        with greeted(port):
            wait_until(lambda: len(noted(file)) == 5, 30)
            last = noted(file)[3:]
            (gone,) = (event for event in last if event[0] == "wsx_on_disconnected")
            assert {gone[2]} == ids - {noted(file)[2][2]} and gone[4] != pid
            assert server.stop() == 0
    assert [event[0] for event in noted(file)].count("wsx_on_disconnected") == 3
    assert len({event[2] for event in noted(file)}) == 3


def test_a_hook_is_called_by_channels_alone(server: Facade):
    class Hook(WSXHook):
        name = "hook"

    server.add(Hook)
    with pytest.raises(Misused, match="by channels of WebSockets alone"):
        server.invoke("hook", {"event": "other"})
