"""What the channel does with its clients: rooms, limits, slow ones, pages of other origins, TLS."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
import threading
import time

import pytest
from hansa import HansaError, Invalid, Request, TimedOut, Unavailable, load
from hansa_devkit import Inbox
from hansa_devkit.background import in_background
from hansa_devkit.harness.waiting import wait_until
from hansa_devkit.inbox import answer
from hansa_websocket import places
from hansa_websocket.channel import WebSocketChannel
from hansa_websocket.settings import ConnectingSettings, ListeningSettings
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import connect

from plugins.ftp.tests.servers import certificate
from plugins.websocket.tests.support import channel, client, made, running

PEER = """
import sys
from websockets.sync.client import connect

with connect(sys.argv[1], proxy=None, additional_headers={"X-Kind": "order"}) as connection:
    connection.send("Grüße")
    text = connection.recv(10)
    connection.send(b"\\x00\\xff")
    print(text, connection.recv(10))
"""


class Chat:
    """A service that enters rooms and broadcasts, by commands of its clients."""

    def __init__(self):
        self.clients = []

    def __call__(self, request: Request):
        response = answer(request, "done")
        response.raw = b""
        one = request.extra["client"]
        word, _, rest = request.raw.decode().partition(" ")
        if word == "join":
            one.join(rest)
            self.clients.append(one)
            response.raw = b"joined"
        elif word == "leave":
            one.leave(rest)
            response.raw = b"left"
        elif word == "say":
            response.raw = b"%d" % one.broadcast("room", rest, to_myself=False)
        elif word == "bye":
            one.close(4000, "Auf Wiedersehen, schöne Grüße")
        return response


def test_a_client_of_another_process_sends_text_and_bytes():
    inbox = Inbox()

    def echo(request):
        response = inbox(request)
        response.raw = request.raw
        return response

    with channel(echo) as one:
        url = f"ws://127.0.0.1:{one.config.port}/?kind=x"
        done = subprocess.run(
            [sys.executable, "-c", PEER, url],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert done.stdout.strip() == "Grüße b'\\x00\\xff'", done.stderr
    first, second = inbox.requests
    assert first.raw.decode() == "Grüße" and second.raw == b"\x00\xff"
    assert (first.extra["text"], second.extra["text"]) == (True, False)
    assert first.headers["x-kind"] == "order" and first.params == {"kind": "x"}
    assert first.peer == "127.0.0.1" and first.path == "/"


def test_what_a_service_changes_is_not_in_the_next_message():
    def dispatch(request):
        told = json.dumps([request.headers.get("x-own"), request.params, request.extra["query"]])
        request.headers["x-own"] = request.params["own"] = "changed"
        request.extra["query"]["kind"].append("changed")
        response = answer(request, "done")
        response.raw = told.encode()
        return response

    with channel(dispatch) as one, client(one.config.port, "/?kind=a&kind=b") as ada:
        for _ in range(2):
            ada.send("x")
            assert json.loads(ada.recv(30)) == [None, {"kind": "b"}, {"kind": ["a", "b"]}]


def test_rooms():
    with channel(Chat()) as one:
        port = one.config.port
        with client(port) as ada, client(port) as eve, client(port) as bob:
            for each in (ada, eve, bob):
                each.send("join room")
                assert each.recv(5) == "joined"
            ada.send("say hello")
            assert ada.recv(5) == "2" and eve.recv(5) == "hello" and bob.recv(5) == "hello"
            bob.send("leave room")
            assert bob.recv(5) == "left"
            ada.send("say again")
            assert ada.recv(5) == "1" and eve.recv(5) == "again"
            eve.close()
            wait_until(lambda: one.ping() == "2 clients are connected")
            ada.send("say nobody")
            assert ada.recv(5) == "0"
            ada.send("bye")
            with pytest.raises(ConnectionClosed) as caught:
                ada.recv(5)
            assert caught.value.rcvd is not None and caught.value.rcvd.code == 4000


def test_a_client_that_does_not_read_is_closed_and_holds_up_nobody():
    chat = Chat()
    with channel(chat, max_waiting=1_000_000, timeout=1) as one:
        port = one.config.port
        with socket.create_connection(("127.0.0.1", port)) as raw, client(port) as reader:
            # a client by hand, that sends a masked frame and never reads
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            lines = [
                "GET / HTTP/1.1",
                "Host: x",
                "Upgrade: websocket",
                "Connection: Upgrade",
                "Sec-WebSocket-Version: 13",
                "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
            ]
            raw.sendall("\r\n".join([*lines, "", ""]).encode())
            raw.sendall(b"\x81\x89\x00\x00\x00\x00join room")
            wait_until(lambda: chat.clients, 10)
            reader.send("join room")
            assert reader.recv(5) == "joined"
            with client(port) as sender:
                for _ in range(200):
                    sender.send("say " + "x" * 100_000)
                    assert len(reader.recv(20)) == 100_000
                    assert sender.recv(20) in ("1", "2")
            wait_until(lambda: one.ping() == "1 clients are connected", 20)
            with pytest.raises(Unavailable):
                chat.clients[0].send("x")


def test_the_largest_message_passes_and_one_byte_more_closes_the_connection():
    inbox = Inbox()
    with channel(inbox, max_body=100_000) as one, client(one.config.port) as connection:
        connection.send(b"x" * 100_000)
        assert connection.recv(10)
        connection.send(b"x" * 100_001)
        with pytest.raises(ConnectionClosed) as caught:
            connection.recv(10)
    assert caught.value.rcvd is not None and caught.value.rcvd.code == 1009
    assert len(inbox.requests) == 1


def test_who_does_not_ask_counts_as_a_client_until_its_time_is_up(monkeypatch):
    monkeypatch.setattr(places, "REFUSED_AT_ONCE", 1)
    with channel(Inbox(), max_connections=2, timeout=3) as one:
        port = one.config.port
        silent = [socket.create_connection(("127.0.0.1", port), 10) for _ in range(2)]
        wait_until(lambda: len(one._places._taken) == 2)
        with pytest.raises(InvalidStatus) as caught:
            client(port)
        assert caught.value.response.status_code == 503
        wait_until(lambda: not one._places._refused)
        silent.append(socket.create_connection(("127.0.0.1", port), 10))
        wait_until(lambda: len(one._places._refused) == 1)
        with pytest.raises((OSError, WebSocketException)):
            client(port)
        assert one.ping() == "0 clients are connected"
        wait_until(lambda: not one._places._taken, 30, "they are closed, since they do not ask")
        with client(port) as other:
            other.send("x")
            assert other.recv(5)
        for each in silent:
            each.close()
    assert not one._places._taken and not one._places._refused


def test_no_more_clients_than_the_settings_say():
    with channel(Inbox(), max_connections=2) as one:
        port = one.config.port
        with client(port) as first, client(port) as second:
            for each in (first, second):
                each.send("x")
                each.recv(5)
            with pytest.raises(InvalidStatus) as caught:
                client(port)
            assert caught.value.response.status_code == 503
        wait_until(lambda: one.ping() == "0 clients are connected")
        with client(port) as third:
            third.send("x")
            assert third.recv(5)


@pytest.mark.parametrize(
    ("origin", "path", "status"),
    [
        ("https://shop.example.com", "/feed", 0),
        (None, "/feed", 0),
        ("https://evil.example.com", "/feed", 403),
        (None, "/", 404),
    ],
)
def test_who_may_connect(origin, path, status):
    inbox = Inbox()
    with channel(inbox, origins=["https://shop.example.com"], path="/feed") as one:
        if status:
            with pytest.raises(InvalidStatus) as caught:
                client(one.config.port, path, origin=origin)
            assert caught.value.response.status_code == status
        else:
            with client(one.config.port, path, origin=origin) as connection:
                connection.send("x")
                assert connection.recv(5) == "ok"


def test_a_stop_answers_what_was_begun_and_says_that_it_goes():
    going = threading.Event()

    def slow(request):
        inbox(request)
        going.wait(10)
        return answer(request, "done")

    inbox = Inbox()
    with channel(slow) as one, client(one.config.port) as connection:
        connection.send("in hand")
        inbox.wait(1, 60)
        stopping = in_background(one.stop)
        wait_until(lambda: one._draining)
        connection.send("too late")
        going.set()
        assert connection.recv(5) == "ok"
        with pytest.raises(ConnectionClosed) as caught:
            connection.recv(5)
        stopping.result(10)
    assert caught.value.rcvd is not None and caught.value.rcvd.code == 1001
    assert len(inbox.requests) == 1


def test_a_client_that_is_silent_is_lost():
    with channel(Inbox(), ping_interval=0.1, ping_timeout=0.2, timeout=0.5) as one:
        with client(one.config.port) as connection:
            wait_until(lambda: one.ping() == "1 clients are connected")
            connection.socket.settimeout(None)
            connection.socket.shutdown(socket.SHUT_RD)
            wait_until(lambda: one.ping() == "0 clients are connected", 10)


def test_messages_of_one_client_are_handled_in_order_those_of_others_beside():
    inbox = Inbox()

    def slow_at_first(request):
        if request.raw == b"0":
            time.sleep(0.2)
        return inbox(request)

    with channel(slow_at_first) as one, client(one.config.port) as first:
        for number in range(20):
            first.send(str(number))
        with client(one.config.port) as second:
            second.send("beside")
            assert second.recv(5)
        for _ in range(20):
            first.recv(5)
    raws = [request.raw for request in inbox.requests]
    assert [raw for raw in raws if raw != b"beside"] == [b"%d" % number for number in range(20)]
    assert raws[0] == b"beside"


@pytest.mark.evidence("tls")
def test_it_listens_with_tls(tmp_path):
    pem = tmp_path / "server.pem"
    pem.write_text(certificate("127.0.0.1"))
    settings = {"tls": True, "tls_certificate": str(pem), "tls_key": str(pem)}
    context = ssl.create_default_context(cafile=str(pem))
    with channel(Inbox(), **settings) as one:
        with connect(f"wss://127.0.0.1:{one.config.port}/", ssl=context, proxy=None) as connection:
            connection.send("x")
            assert connection.recv(5) == "ok"


def test_a_port_that_is_taken_is_said():
    with channel(Inbox()) as one:
        other = made(WebSocketChannel, port=one.config.port, service="x")
        with pytest.raises(Unavailable, match="check the settings host and port"), running(other):
            pass


@pytest.mark.parametrize(
    ("model", "settings", "faults"),
    [
        (ListeningSettings, {"port": 1, "tls": True}, {"tls_certificate"}),
        (ListeningSettings, {"port": 1, "origins": ["shop"]}, {"origins"}),
        (ListeningSettings, {"port": 0, "path": "x"}, {"port", "path"}),
        (ConnectingSettings, {"url": "http://x"}, {"url"}),
        (ConnectingSettings, {"url": "ws://u:p@x"}, {"url"}),
        (ConnectingSettings, {"url": "ws://x:port"}, {"url"}),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(model, settings, faults):
    with pytest.raises(Invalid) as caught:
        load(model, settings)
    assert set(caught.value.errors) == faults


class Asks:
    """A service that asks its own client, and notes all others."""

    def __init__(self):
        self.clients = {}
        self.handled = []
        self.wait = 30.0

    def __call__(self, request: Request):
        response = answer(request, "done")
        one = request.extra["client"]
        self.clients[one.id] = one
        text = request.raw.decode()
        self.handled.append(text)
        response.raw = b"ok"
        if text == "ask me":
            try:
                response.raw = f"you said {one.ask('who?', self.wait)}".encode()
            except HansaError as error:
                response.raw = error.code.encode()
        return response


def test_a_client_is_asked_by_its_own_service_and_by_others():
    service = Asks()
    with channel(service) as one, client(one.config.port) as ada:
        ada.send("ask me")
        assert ada.recv(30) == "who?"
        ada.send("Ada")
        assert ada.recv(30) == "you said Ada"
        (asked,) = service.clients.values()
        for number in range(20):
            question = in_background(asked.ask, f"question {number}", 30)
            assert ada.recv(30) == f"question {number}"
            ada.send(f"answer {number}")
            assert question.result(60) == f"answer {number}"
        ada.send("a message")
        assert ada.recv(30) == "ok"
    assert service.handled == ["ask me", "a message"]


def test_an_answer_that_comes_too_late_is_a_message():
    service = Asks()
    service.wait = 0.1
    with channel(service) as one, client(one.config.port) as ada:
        ada.send("ask me")
        assert [ada.recv(30), ada.recv(30)] == ["who?", "timed-out"]
        (asked,) = service.clients.values()
        with pytest.raises(TimedOut, match=r"within 0\.1 s"):
            asked.ask("and now?", 0.1)
        assert ada.recv(30) == "and now?"
        ada.send("late")
        assert ada.recv(30) == "ok"
        question = in_background(asked.ask, "last", 30)
        assert ada.recv(30) == "last"
        ada.close()
        with pytest.raises(Unavailable, match="is gone"):
            question.result(60)
        with pytest.raises(Unavailable, match="is gone"):
            asked.ask("x", 30)
    assert service.handled == ["ask me", "late"]
    with pytest.raises(Unavailable, match="is gone"):
        asked.ask("x", 30)
