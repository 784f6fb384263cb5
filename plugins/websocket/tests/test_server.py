"""WebSocket in a real server: the README's example with Chromium, keys, edits, a worker that dies."""

from __future__ import annotations

import re
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hansa_devkit.harness.ports import free_port
from hansa_devkit.harness.waiting import wait_until
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from plugins.websocket.tests.support import Peer, client
from tests.chromium import launched, needs_chromium

pytestmark = pytest.mark.evidence("real_server", "kills")
README = Path(__file__).parents[1] / "README.md"
SERVICES = """
import os

from hansa import Service


class Note(Service):
    name = "rates.note"

    def handle(self):
        self.log.info("noted %s", self.request.raw)


class Die(Service):
    name = "rates.die"

    def handle(self):
        if self.request.raw == b"die":
            os._exit(1)
        return "alive"
"""
CHAT = {"channel": "chat"}
PAGE = b"""<!DOCTYPE html><title>Chat</title><script>
const heard = []
const socket = new WebSocket("URL")
socket.onopen = () => socket.send("kitchen")
socket.onmessage = event => { heard.push(event.data) }
socket.onclose = event => { heard.push("closed " + event.code) }
</script>"""


@pytest.fixture
def page():
    """The address of a page whose origin is its own, and what puts a URL into it."""
    urls = ["ws://127.0.0.1:1"]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(PAGE.replace(b"URL", urls[-1].encode()))

        def log_message(self, *about):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{site.server_port}", urls.append
        site.shutdown()


def started(start_server, origin="https://shop.example.com"):
    blocks = dict(re.findall(r"<!-- run: (\S+) -->\n```\w+\n(.*?)```", README.read_text(), re.S))
    port = free_port()
    config = blocks["config.toml"].replace("8700", str(port))
    config = config.replace("https://shop.example.com", origin)
    server = start_server(
        config,
        start=False,
        workers=1,
        plugins=["websocket"],
        env={"PAGES_KEY": "a-long-secret-key"},
    )
    (server.folder / "chat.py").write_text(blocks["chat.py"])
    server.start()
    # one worker of the server takes the port once it has the lease
    wait_until(lambda: listens(port), 20)
    return server, port


def outgoing_states(server):
    return str(server.api("admin.outgoing.websocket.get", name="own")["states"])


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@needs_chromium
def test_the_example_works_in_a_browser(start_server, page):
    origin, tell = page
    server, port = started(start_server, origin)
    tell(f"ws://127.0.0.1:{port}/chat?key=a-long-secret-key")
    with launched() as browser:
        shown = browser.new_page()
        shown.goto(origin)
        with client(port, "/chat?key=a-long-secret-key") as other:
            other.send("kitchen")

            def heard():
                other.send("kitchen die Suppe ist fertig für alle")
                return "die Suppe ist fertig für alle" in shown.evaluate("heard")

            wait_until(heard, 20)
        stranger = browser.new_page()
        stranger.goto(origin.replace("127.0.0.1", "localhost"))
        wait_until(lambda: stranger.evaluate("heard") == ["closed 1006"], 10)
    assert "a-long-secret-key" not in server.log()


def test_keys_hold_for_those_who_are_connected_too(start_server):
    server, port = started(start_server)
    outgoing = {"url": f"ws://127.0.0.1:{port}/chat", "timeout": 3}
    server.api("admin.outgoing.websocket.create", name="own", **outgoing)
    wait_until(lambda: "status 401; check the security" in outgoing_states(server), 20)
    for query in ("", "?key=wrong"):
        with pytest.raises(InvalidStatus) as caught:
            client(port, f"/chat{query}")
        assert caught.value.response.status_code == 401
    with client(port, "/chat?key=a-long-secret-key") as connection:
        connection.send("kitchen first")
        assert connection.recv(10) == "first"
        current = server.api("admin.security.apikey.get", name="pages")
        server.api(
            "admin.security.apikey.edit",
            name="pages",
            key="another-long-key",
            seen_revision=current["revision"],
        )

        def refused():
            connection.send("kitchen second")
            return "unauthorized" in str(connection.recv(10)).lower()

        wait_until(refused, 10)
    with client(port, "/chat?key=another-long-key") as connection:
        connection.send("kitchen third")
        assert connection.recv(10) == "third"
        current = server.api("admin.channel.websocket.get", name="chat")
        server.api(
            "admin.channel.websocket.edit",
            name="chat",
            max_connections=7,
            seen_revision=current["revision"],
        )
        with pytest.raises(ConnectionClosed) as closed:
            connection.recv(10)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1001

    def there():
        try:
            with client(port, "/chat?key=another-long-key") as again:
                again.send("kitchen fourth")
                return again.recv(10) == "fourth"
        except (OSError, WebSocketException):
            return False

    wait_until(there, 20)


@pytest.mark.proof
def test_a_worker_that_dies_and_a_feed_that_goes_come_back(start_server):
    server = start_server(workers=1, plugins=["websocket"])
    server.deploy("rates.py", SERVICES)
    port = free_port()
    server.api("admin.channel.websocket.create", name="w", port=port, service="rates.die")
    with Peer() as peer:
        url = f"ws://127.0.0.1:{peer.port}"
        subscribed = {"subscribe": ["subscribe"], "service": "rates.note"}
        server.api("admin.channel.websocket-client.create", name="rates", url=url, **subscribed)
        wait_until(lambda: peer.received == ["subscribe"], 20)
        peer.send("1.17")
        wait_until(lambda: "noted b'1.17'" in server.log(), 10)
        peer.stop()
        wait_until(
            lambda: (
                "retrying"
                in str(server.api("admin.channel.websocket-client.get", name="rates")["states"])
            ),
            20,
        )
        peer.start()
        wait_until(lambda: peer.received == ["subscribe"] * 2, 30)
        wait_until(lambda: listens(port), 20)
        with client(port) as connection:
            connection.send("die")
            with pytest.raises(ConnectionClosed):
                connection.recv(20)

        def alive():
            try:
                with client(port) as connection:
                    connection.send("x")
                    return "alive" in str(connection.recv(5))
            except (OSError, WebSocketException):
                return False

        wait_until(alive, 40)
        wait_until(lambda: peer.received == ["subscribe"] * 3, 30)


def test_a_service_is_told_who_comes_and_goes(start_server):
    server, port = started(start_server)
    blocks = dict(re.findall(r"<!-- run: (\S+) -->\n```\w+\n(.*?)```", README.read_text(), re.S))
    server.deploy("presence.py", blocks["presence.py"])
    query = "/chat?key=a-long-secret-key"

    def edit(**settings):
        current = server.api("admin.channel.websocket.get", name="chat")
        revision = current["revision"]
        server.api("admin.channel.websocket.edit", name="chat", seen_revision=revision, **settings)

    def count(event):
        return len(set(re.findall(rf" {event} (K\w+): ", server.log())))

    with client(port, query) as ada:
        edit(hook_service="chat.presence")
        with pytest.raises(ConnectionClosed):
            ada.recv(30)
    wait_until(lambda: listens(port), 30)
    with client(port, query) as ada:
        assert ada.recv(30) == "welcome"
        with client(port, query) as eve:
            assert eve.recv(30) == "welcome"
            found = server.api("admin.service.invoke", name="websocket.clients", payload=CHAT)
            first, second = found["payload"]["clients"]
            assert (first["security"], second["address"]) == ("pages", "127.0.0.1")
            assert found["payload"]["silent"] == []
        assert ada.recv(30) == "somebody has left"
        wait_until(lambda: count("disconnected") == 1, 30)
        edit(max_connections=7)
        wait_until(lambda: count("disconnected") == 2, 30)
    wait_until(lambda: listens(port), 30)
    with client(port, query) as ada:
        assert ada.recv(30) == "welcome"
        assert server.stop() == 0
    assert (count("connected"), count("disconnected")) == (3, 3)
