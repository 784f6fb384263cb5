"""A stand-in for a server of language models: `PORT KEY [CERTIFICATE]`.

It answers as the API of chat completions is described, refuses what that does not have, and does
what the last message says: `say TEXT`, `json`, `tools`, `long`, `busy N WAIT`, `status N`, `nonsense`,
`no-usage`, `minus`, `headers`; it echoes anything else.
"""

from __future__ import annotations

import json
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KNOWN: dict[str, Any] = {
    "model": str,
    "messages": list,
    "max_tokens": int,
    "max_completion_tokens": int,
    "response_format": dict,
    "tools": list,
    "tool_choice": (str, dict),
    "temperature": (int, float),
}
ROLES = {"system", "user", "assistant", "tool"}
MODELS = {"small-model", "other-model"}


class Refused(Exception):
    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.headers = status, headers or {}


class Busy:
    """Counts how often a text was refused."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.lock = threading.Lock()

    def check(self, text: str) -> None:
        _, name, times, wait = text.split()
        with self.lock:
            self.counts[name] = self.counts.get(name, 0) + 1
            if self.counts[name] <= int(times):
                raise Refused(429, "slow down", {"Retry-After": wait})


busy = Busy()


def check(body: Any) -> None:
    """Refuse what the API does not have."""
    if not isinstance(body, dict):
        raise Refused(400, "the body must be an object")
    for name, value in body.items():
        if name not in KNOWN or not isinstance(value, KNOWN[name]):
            raise Refused(400, f"unknown or wrong parameter: {name}")
    if body.get("model") not in MODELS:
        raise Refused(404, f"The model {body.get('model')} does not exist")
    if not body.get("messages"):
        raise Refused(400, "messages must not be empty")
    for message in body["messages"]:
        if message.get("role") not in ROLES or "content" not in message:
            raise Refused(400, "a message has a role and a content")
    if not ("max_tokens" in body) ^ ("max_completion_tokens" in body):
        raise Refused(400, "one limit of tokens is needed")
    described = body.get("response_format", {}).get("json_schema", {})
    if described and not {"name", "schema"} <= described.keys():
        raise Refused(400, "json_schema needs a name and a schema")


def complete(body: dict[str, Any], headers: Any) -> dict[str, Any]:
    text = str(body["messages"][-1]["content"])
    limit = body.get("max_tokens") or body["max_completion_tokens"]
    message: dict[str, Any] = {"role": "assistant", "content": text}
    reason = "stop"
    if text == "json":
        message["content"] = json.dumps(
            {"kind": "order", "schema": bool(body.get("response_format"))}
        )
    elif text == "tools":
        called = {"name": body["tools"][0]["function"]["name"], "arguments": '{"city": "Köln"}'}
        message = {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "call-1", "type": "function", "function": called}],
        }
        reason = "tool_calls"
    elif text == "long":
        message["content"], reason = "word " * limit, "length"
    elif text == "headers":
        message["content"] = json.dumps({"request": body, "type": headers.get("Content-Type")})
    elif text.startswith("busy"):
        busy.check(text)
    elif text.startswith("status"):
        status = int(text.split()[1])
        raise Refused(status, "no: http://10.0.0.1/ has key " + headers.get("Authorization", ""))
    read = sum(len(str(one["content"]).split()) for one in body["messages"])
    written = len(str(message["content"] or "").split())
    answer = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": body["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": reason}],
        "usage": {
            "prompt_tokens": read,
            "completion_tokens": written,
            "total_tokens": read + written,
        },
    }
    if text == "minus":
        answer["usage"] = {"prompt_tokens": -1000, "completion_tokens": 1}
    if text == "no-usage":
        del answer["usage"]
    return {"nonsense": True} if text == "nonsense" else answer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        try:
            self.known()
        except Refused as error:
            return self.refuse(error)
        return self.answer(200, {"object": "list", "data": [{"id": one} for one in sorted(MODELS)]})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            self.known()
            if self.path != "/v1/chat/completions":
                raise Refused(404, "there is nothing here")
            given = json.loads(body)
            check(given)
            self.answer(200, complete(given, self.headers))
        except Refused as error:
            self.refuse(error)

    def known(self) -> None:
        given = self.headers.get("Authorization", "")
        if given != f"Bearer {sys.argv[2]}":
            raise Refused(401, f"Incorrect API key provided: {given}")

    def refuse(self, error: Refused) -> None:
        told = {"error": {"message": str(error), "type": "invalid_request_error"}}
        self.answer(error.status, told, error.headers)

    def answer(self, status: int, told: object, headers: dict[str, str] | None = None) -> None:
        content = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are part of the tests."""


if __name__ == "__main__":
    server = Server(("127.0.0.1", int(sys.argv[1])), Handler)
    if len(sys.argv) > 3:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[3])
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    server.serve_forever()
