"""`zato service invoke PATH NAME`: calls a service of the server in a folder.

It goes through `/zato/admin/invoke`, as Zato's own command does.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import os
import ssl
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from hansa_cli.access import recorded_trust, recorded_url
from hansa_cli.certificates import tls_context
from hansa_cli.location import Trust

from .answer import shown
from .arguments import parser

TIMEOUT: Final = 120.0
_ANY_ADDRESS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}


class Failed(Exception):
    """Why there is no answer, in words."""


@dataclass(frozen=True, slots=True)
class RunningServer:
    """Where a server listens, the password of its user admin, and how TLS verifies it, if it does."""

    host: str
    port: int
    password: str
    tls: ssl.SSLContext | None = None

    def connection(self) -> http.client.HTTPConnection:
        """Return a connection to it, which is not open yet."""
        if self.tls is None:
            return http.client.HTTPConnection(self.host, self.port, timeout=TIMEOUT)
        return http.client.HTTPSConnection(self.host, self.port, timeout=TIMEOUT, context=self.tls)


def invoke(words: list[str]) -> int:
    """Call the service and print its answer.

    Returns the exit code: 0, 1 where the service or server refused, 2 for wrong usage.
    """
    arguments = parser().parse_args(words)
    try:
        server = find_server(arguments.path)
        message = _message(arguments)
        headers = _headers(arguments.headers)
        body, cid = _post(server, arguments.url_path, message, headers, arguments.max_response_repr)
        answer = _answer_in(body, server, arguments.url_path, arguments.max_response_repr)
    except Failed as failed:
        print(failed, file=sys.stderr)
        return 1
    if arguments.verbose:
        print(f"cid {cid}", file=sys.stderr)
    print(shown(answer, arguments.data_format, arguments.transport))
    return 0


def _message(arguments: argparse.Namespace) -> dict[str, object]:
    """Return the message that asks for the invocation."""
    if arguments.payload == "-":
        payload = sys.stdin.buffer.read()
    else:
        payload = _unbroken(arguments.payload).encode()
    message: dict[str, object] = {
        "name": arguments.name,
        "payload": base64.b64encode(payload).decode(),
        "data_format": arguments.data_format,
    }
    if arguments.transport:
        message["transport"] = arguments.transport
    if arguments.is_async:
        message["async"] = True
    return message


def _unbroken(payload: str) -> str:
    """Return a payload without the backslashes that continue printed commands.

    Inside single quotes the shell keeps them.
    """
    return payload.removeprefix("\\\n").replace("\\\n", "\n")


def _headers(text: str) -> dict[str, str]:
    found = {}
    for pair in filter(None, text.split(";")):
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise Failed(f"--headers {text}: expected a=b;c=d")
        found[name.strip()] = value.strip()
    return found


def find_server(folder: Path, password: str | None = None) -> RunningServer:
    """Return the server that runs in a folder; raises `Failed`.

    The password of its user admin is that of the folder, or of the environment, if none is given.
    """
    url = recorded_url(folder)
    if url is None:
        raise Failed(_why_not_running(folder))
    parts = urlsplit(url)
    host = str(parts.hostname)
    reached = _ANY_ADDRESS.get(host, host)
    password = _password(folder) if password is None else password
    if parts.scheme != "https":
        return RunningServer(reached, parts.port or 80, password)
    trust = recorded_trust(folder)
    try:
        context = tls_context(Trust(trust, only=bool(trust)))
    except OSError as error:
        raise Failed(f"the certificates in {folder} cannot be used: {error}") from None
    return RunningServer(reached, parts.port or 443, password, context)


def _why_not_running(folder: Path) -> str:
    config = folder / "config.toml"
    if not config.exists():
        return f"{folder} is not the folder of a server"
    name = tomllib.loads(config.read_text()).get("server", {}).get("name", folder.name)
    return f"{name} in {folder} is not running"


def _password(folder: Path) -> str:
    password = os.environ.get("HANSA_ADMIN_PASSWORD")
    if password:
        return password
    file = folder / "admin.password"
    try:
        return file.read_text().strip()
    except OSError as error:
        raise Failed(f"the password in {file} cannot be read: {error.strerror}") from None


def _post(
    server: RunningServer,
    path: str,
    message: dict[str, object],
    headers: dict[str, str],
    longest: int,
) -> tuple[bytes, str]:
    """Return the body of the server's response, and the correlation id; raises `Failed`."""
    login = base64.b64encode(f"admin:{server.password}".encode()).decode()
    sent = {**headers, "Content-Type": "application/json", "Authorization": f"Basic {login}"}
    connection = server.connection()
    try:
        connection.request("POST", path, json.dumps(message), sent)
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise Failed(f"no server answers at {server.host}:{server.port}: {error}") from None
    finally:
        connection.close()
    cid = response.getheader("X-Zato-CID") or response.getheader("X-Hansa-CID") or ""
    if response.status != 200:
        details = _details(body)[:longest]
        raise Failed(f"{response.status} {response.reason}: {details}\ncid {cid}")
    return body, cid


def _answer_in(body: bytes, server: RunningServer, path: str, longest: int) -> bytes:
    """Return what the service answered; raises `Failed` for a response that is not Zato's."""
    try:
        answer = json.loads(body)["zato_service_invoke_response"]["response"]
        return base64.b64decode(answer, validate=True)
    except (ValueError, KeyError, TypeError):
        raise Failed(
            f"{path} at {server.host}:{server.port} did not answer as Zato does: {body[:longest]!r}"
        ) from None


def _details(body: bytes) -> str:
    """Return what the body of an error says, without its envelope."""
    try:
        found = json.loads(body)
        return str(found.get("zato_env", found).get("details") or found.get("detail") or found)
    except (ValueError, AttributeError):
        return body.decode(errors="replace")
