"""A stand-in for mqweb, written from IBM's reference of the messaging REST API, version 3.

It is strict: what that reference does not have is answered with the status that it names, or 400,
and noted in `complaints`, which tests look at. It is no IBM MQ: that it takes what Hansa sends
proves that Hansa does as the reference says, and no more.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, unquote

from hansa_devkit.harness.ports import free_port

_MESSAGE = re.compile(r"/ibmmq/rest/v3/messaging/qmgr/([^/]+)/queue/([^/]+)/(message|messagelist)")
_TYPES = {
    f"{kind};charset=utf-8"
    for kind in ("text/plain", "text/html", "text/xml", "application/json", "application/xml")
}
_KNOWN = {"correlationid", "expiry", "persistence", "priority", "replyto"}
_QUERY = {
    ("GET", "message"): {"correlationId", "messageId"},
    ("GET", "messagelist"): {"correlationId", "messageId", "limit"},
    ("DELETE", "message"): {"correlationId", "messageId", "wait"},
}


@dataclass
class Message:
    """A message in a queue; one that is no text cannot be browsed nor got."""

    id: str
    body: str
    fields: dict[str, str] = field(default_factory=dict)
    is_text: bool = True
    expires: float = 0.0


class MqwebServer:
    """One queue manager; what is in its queues outlives `kill`."""

    queue_manager = "QM.1"
    username, password = "app", "a:pässword"

    def __init__(self, pem: Path | None = None) -> None:
        self.pem = pem
        self.port = free_port()
        self.queues: dict[str, list[Message]] = {}
        self.complaints: list[str] = []
        self.answering = threading.Event()
        self.answering.set()
        self.statuses: list[int] = []
        self.lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None
        self._numbers = 0

    # -- life --------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Listen."""
        server = _Server(("127.0.0.1", self.port), _Handler)
        server.mqweb = self
        if self.pem is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.pem)
            server.context = context
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        self._server = server
        return self

    def kill(self) -> None:
        """Close the port and all connections."""
        server = self._server
        self._server = None
        if isinstance(server, _Server):
            server.shutdown()
            server.server_close()
            server.end_connections()

    def is_running(self) -> bool:
        """Whether it listens."""
        return self._server is not None

    def pause(self) -> None:
        """Take requests, and answer none."""
        self.answering.clear()

    def resume(self) -> None:
        """Answer again."""
        self.answering.set()

    def close(self) -> None:
        """End it."""
        self.resume()
        self.kill()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of a definition that reach it."""
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "tls": self.pem is not None,
            "tls_ca": "" if self.pem is None else str(self.pem),
            "queue_manager": self.queue_manager,
            "username": self.username,
            "password": self.password,
        }

    # -- queues, as another program sees them ------------------------------------------------------

    def make(self, *queues: str) -> None:
        """New, empty queues."""
        with self.lock:
            for queue in queues:
                self.queues[queue] = []

    def put(self, queue: str, body: str, **fields: str) -> str:
        """Put a text, as another program."""
        with self.lock:
            self._numbers += 1
            id = f"ID:414d5120{self._numbers:040x}"
            self.queues[queue].append(Message(id, body, dict(fields)))
        return id

    def put_binary(self, queue: str) -> None:
        """Put a message that is no text."""
        self.put(queue, "binary")
        self.queues[queue][-1].is_text = False

    def bodies(self, queue: str) -> list[str]:
        """What is in a queue."""
        with self.lock:
            return [message.body for message in self.queues[queue]]

    def complain(self, what: str) -> None:
        """Note what is not as the reference has it."""
        self.complaints.append(what)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    mqweb: MqwebServer
    context: ssl.SSLContext | None = None

    def __init__(self, *given: Any) -> None:
        self.connections: set[Any] = set()
        super().__init__(*given)

    def finish_request(self, request: Any, client_address: Any) -> None:
        if self.context is not None:
            request.settimeout(5)
            request = self.context.wrap_socket(request, server_side=True)
        request.settimeout(60)
        self.connections.add(request)
        try:
            super().finish_request(request, client_address)
        finally:
            self.connections.discard(request)
            request.close()

    def end_connections(self) -> None:
        for one in list(self.connections):
            with contextlib.suppress(OSError):  # it has ended
                one.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that gave up is part of these tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def do_DELETE(self) -> None:
        self._handle()

    def log_message(self, *given: Any) -> None:
        pass

    def _handle(self) -> None:
        mqweb = self.server.mqweb
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:  # who sent it has ended in the middle
            self.close_connection = True
            return
        mqweb.answering.wait(60)
        if mqweb.statuses:
            self._refuse(mqweb.statuses.pop(0), "MQWB0009E", "a fault of the test", 2059)
            return
        given = f"{mqweb.username}:{mqweb.password}".encode()
        if self.headers.get("Authorization") != "Basic " + base64.b64encode(given).decode():
            self._refuse(401, "MQWB0104E", "The REST API request is not authenticated.")
            return
        path, _, query = self.path.partition("?")
        if path == "/ibmmq/rest/v3/login" and self.command == "GET":
            self._answer(200, json.dumps({"user": [{"name": mqweb.username}]}).encode())
            return
        found = _MESSAGE.fullmatch(path)
        if found is None or "." in found[1]:
            mqweb.complain(f"path {path}")
            self._refuse(404, "MQWB0001E", "no such resource")
            return
        self._message(found, query, body)

    def _message(self, found: re.Match[str], query: str, body: bytes) -> None:
        mqweb = self.server.mqweb
        if self.command != "GET" and "ibm-mq-rest-csrf-token" not in self.headers:
            self._refuse(403, "MQWB0117E", "The CSRF token is missing.")
            return
        manager, queue = unquote(found[1]), unquote(found[2])
        if manager != mqweb.queue_manager:
            self._refuse(404, "MQWB0009E", "Could not query the queue manager.")
            return
        if queue not in mqweb.queues:
            self._refuse(404, "MQWB0300E", "Cannot create messaging connection.", 2085)
            return
        parameters = dict(parse_qsl(query, keep_blank_values=True))
        known = _QUERY.get((self.command, found[3]), set())
        if set(parameters) - known:
            mqweb.complain(f"query {query} of {self.command} {found[3]}")
            self._refuse(400, "MQWB0001E", "an unknown query parameter")
            return
        self._obey(found[3], queue, parameters, body)

    def _obey(self, resource: str, queue: str, parameters: dict[str, str], body: bytes) -> None:
        if self.command == "POST" and resource == "message":
            self._post(queue, body)
        elif resource == "messagelist" and self.command == "GET":
            self._list(queue, parameters)
        elif resource == "message":
            self._one(queue, parameters)
        else:
            self._refuse(405, "MQWB0020E", "The method is not allowed.")

    def _post(self, queue: str, body: bytes) -> None:
        mqweb = self.server.mqweb
        if self.headers.get("Content-Type", "").replace(" ", "") not in _TYPES:
            self._refuse(415, "MQWB0306E", "The media type is unsupported.")
            return
        fields = {
            name.lower().removeprefix("ibm-mq-md-"): value
            for name, value in self.headers.items()
            if name.lower().startswith("ibm-mq-md-")
        }
        fault = _fault_of(fields)
        if fault:
            mqweb.complain(fault)
            self._refuse(400, "MQWB0302E", f"The {fault} request header cannot be set.")
            return
        if len(body) > 4 * 1024 * 1024:
            self._refuse(400, "MQWB0303E", "An unforeseen error occurred.", 2030)
            return
        if "ibm-mq-usr" in self.headers:
            fields["usr"] = self.headers["ibm-mq-usr"]
        id = mqweb.put(queue, body.decode(), **fields)
        if fields.get("expiry", "unlimited") != "unlimited":
            with mqweb.lock:
                mqweb.queues[queue][-1].expires = time.time() + int(fields["expiry"]) / 1000
        self._answer(201, b"", {"ibm-mq-md-messageId": id})

    def _list(self, queue: str, parameters: dict[str, str]) -> None:
        limit = int(parameters.get("limit", "10"))
        with self.server.mqweb.lock:
            listed = [
                {"messageId": message.id, "format": "MQSTR" if message.is_text else "MQNONE"}
                for message in self._live(queue)[:limit]
            ]
        self._answer(200, json.dumps({"messages": listed}).encode())

    def _live(self, queue: str) -> list[Message]:
        messages = self.server.mqweb.queues[queue]
        now = time.time()
        messages[:] = [one for one in messages if not one.expires or one.expires > now]
        return messages

    def _one(self, queue: str, parameters: dict[str, str]) -> None:
        wanted = parameters.get("messageId", "")
        with self.server.mqweb.lock:
            messages = self._live(queue)
            found = next((one for one in messages if not wanted or one.id == wanted), None)
            if found is not None and found.is_text and self.command == "DELETE":
                messages.remove(found)
        if found is None:
            self._answer(204, b"")
        elif not found.is_text:
            self._refuse(501, "MQWB0311E", "The message format is not supported.", 2110)
        else:
            headers = {f"ibm-mq-md-{name}": value for name, value in found.fields.items()}
            usr = headers.pop("ibm-mq-md-usr", "")
            if usr:
                headers["ibm-mq-usr"] = usr
            headers["ibm-mq-md-messageId"] = found.id
            headers["Content-Type"] = "text/plain; charset=utf-8"
            self._answer(200, found.body.encode(), headers)

    def _refuse(self, status: int, code: str, text: str, reason: int = 0) -> None:
        fault: dict[str, object] = {"type": "rest", "msgId": code, "message": f"{code}: {text}"}
        if reason:
            fault |= {"completionCode": 2, "reasonCode": reason}
        self._answer(status, json.dumps({"error": [fault]}).encode())

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _fault_of(fields: dict[str, str]) -> str:
    """Return the first header that the reference does not have, or whose value it does not allow."""
    for name, value in fields.items():
        if name not in _KNOWN or not _ALLOWED[name].fullmatch(value):
            return f"ibm-mq-md-{name}: {value!r}"
    return ""


_ALLOWED = {
    "correlationid": re.compile(r"ID:[0-9a-fA-F]{48}|(?!ID:)[ -~]+"),
    "expiry": re.compile(r"unlimited|\d{1,11}"),
    "persistence": re.compile("persistent|nonPersistent"),
    "priority": re.compile("[0-9]|asDestination"),
    "replyto": re.compile(r"[A-Za-z0-9._/%]{1,48}(@[A-Za-z0-9._/%]{1,48})?"),
}
