"""`zato service invoke PATH NAME`: calls a service of the server in a folder, through `/zato/admin/invoke` as Zato's does."""

from __future__ import annotations

import argparse
import base64
import copy
import http.client
import json
import os
import sys
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

TIMEOUT = 120.0
_ENVELOPES = (
    "http://schemas.xmlsoap.org/soap/envelope/",
    "http://www.w3.org/2003/05/soap-envelope",
)


class Failed(Exception):
    """Why there is no answer, in words."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "zato service invoke", description="Call a service and print its answer."
    )
    parser.add_argument("path", type=Path, help="folder of a running server")
    parser.add_argument("name", help="name of the service")
    parser.add_argument(
        "--payload", default="", help="what the service gets; - reads standard input"
    )
    parser.add_argument("--headers", default="", help="further HTTP headers, a=b;c=d")
    parser.add_argument(
        "--channel", default="invoke", help="accepted and ignored: the channel is invoke"
    )
    parser.add_argument(
        "--data-format",
        "--data_format",
        default="json",
        help="format of the payload: json (default), xml",
    )
    parser.add_argument("--transport", help="soap, if the payload is a SOAP message")
    parser.add_argument(
        "--url-path",
        "--url_path",
        default="/zato/admin/invoke",
        help="where the server takes invocations",
    )
    parser.add_argument("--max-cid-repr", type=int, default=5, help=argparse.SUPPRESS)
    parser.add_argument(
        "--max-response-repr", type=int, default=2500, help="characters of an error that are shown"
    )
    parser.add_argument(
        "--async",
        dest="is_async",
        action="store_true",
        help="do not wait; prints the correlation id",
    )
    parser.add_argument(
        "--expiration", type=int, help="accepted and ignored: an accepted invocation is carried out"
    )
    parser.add_argument(
        "--verbose", action="store_true", help="also print the correlation id, on standard error"
    )
    return parser


def invoke(words: list[str]) -> int:
    """Do it and print the answer; gives the exit code: 0, 1 where the service or server refused, 2 for wrong usage."""
    given = _parser().parse_args(words)
    try:
        address, password = _server(given.path)
        raw = sys.stdin.buffer.read() if given.payload == "-" else _unbroken(given.payload).encode()
        message: dict[str, Any] = {"name": given.name, "payload": base64.b64encode(raw).decode()}
        message["data_format"] = given.data_format
        if given.transport:
            message["transport"] = given.transport
        if given.is_async:
            message["async"] = True
        answer, cid = _post(
            address,
            given.url_path,
            message,
            _headers(given.headers),
            password,
            given.max_response_repr,
        )
    except Failed as failed:
        print(failed, file=sys.stderr)
        return 1
    if given.verbose:
        print(f"cid {cid}", file=sys.stderr)
    print(_shown(answer, given.data_format, given.transport))
    return 0


def _unbroken(payload: str) -> str:
    """Without the backslashes by which printed commands go on in the next line: the shell leaves those in single quotes."""
    return payload.removeprefix("\\\n").replace("\\\n", "\n")


def _headers(text: str) -> dict[str, str]:
    found = {}
    for pair in filter(None, text.split(";")):
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise Failed(f"--headers {text}: write a=b;c=d")
        found[name.strip()] = value.strip()
    return found


def _server(folder: Path) -> tuple[tuple[str, int], str]:
    """Where the server in a folder listens, and the admin's password."""
    try:
        url = str(json.loads((folder / "run" / "server.json").read_text())["http"])
    except (OSError, ValueError, KeyError):
        if not (folder / "config.toml").exists():
            raise Failed(f"{folder} is no folder of a server") from None
        name = (
            tomllib.loads((folder / "config.toml").read_text())
            .get("server", {})
            .get("name", folder.name)
        )
        raise Failed(f"{name} in {folder} does not run") from None
    parts = urlsplit(url)
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(str(parts.hostname), str(parts.hostname))
    if os.environ.get("HANSA_ADMIN_PASSWORD"):
        return (host, parts.port or 80), os.environ["HANSA_ADMIN_PASSWORD"]
    try:
        return (host, parts.port or 80), (folder / "admin.password").read_text().strip()
    except OSError as error:
        raise Failed(
            f"the password in {folder / 'admin.password'} cannot be read: {error.strerror}"
        ) from None


def _post(
    address: tuple[str, int],
    path: str,
    message: dict[str, Any],
    headers: dict[str, str],
    password: str,
    most: int,
) -> tuple[bytes, str]:
    """The bytes that the service answered with, and the correlation id; raises `Failed`."""
    login = base64.b64encode(f"admin:{password}".encode()).decode()
    headers = {**headers, "Content-Type": "application/json", "Authorization": f"Basic {login}"}
    connection = http.client.HTTPConnection(*address, timeout=TIMEOUT)
    try:
        connection.request("POST", path, json.dumps(message), headers)
        response = connection.getresponse()
        body, cid = (
            response.read(),
            response.getheader("X-Zato-CID") or response.getheader("X-Hansa-CID") or "",
        )
    except (OSError, http.client.HTTPException) as error:
        raise Failed(f"no server answers at {address[0]}:{address[1]}: {error}") from None
    finally:
        connection.close()
    if response.status != 200:
        raise Failed(f"{response.status} {response.reason}: {_details(body)[:most]}\ncid {cid}")
    try:
        answer = json.loads(body)["zato_service_invoke_response"]["response"]
        return base64.b64decode(answer, validate=True), cid
    except (ValueError, KeyError, TypeError):
        raise Failed(
            f"{path} at {address[0]}:{address[1]} did not answer as Zato does: {body[:most]!r}"
        ) from None


def _details(body: bytes) -> str:
    """What an error's body says, without its envelope."""
    try:
        found = json.loads(body)
        return str(found.get("zato_env", found).get("details") or found.get("detail") or found)
    except (ValueError, AttributeError):
        return body.decode(errors="replace")


def _shown(answer: bytes, data_format: str, transport: str | None) -> str:
    """The answer as Zato prints it: JSON as Python objects, of a SOAP message what is in its body, nothing as `(None)`."""
    if not answer:
        return "(None)"
    text = answer.decode(errors="replace")
    if data_format in ("json", "dict"):
        try:
            return repr(json.loads(text))
        except ValueError:
            return text
    return _inside(answer) if transport == "soap" else text


def _inside(answer: bytes) -> str:
    from lxml import etree

    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_blank_text=True
    )
    try:
        root = etree.fromstring(answer, parser)
    except etree.XMLSyntaxError:
        return answer.decode(errors="replace")
    for namespace in _ENVELOPES:
        for child in root.iterfind(f"{{{namespace}}}Body/*"):
            alone = copy.deepcopy(
                child
            )  # inside the envelope it would keep the envelope's namespaces
            etree.cleanup_namespaces(alone)
            return str(etree.tostring(alone, pretty_print=True, encoding="unicode")).rstrip()
    return str(etree.tostring(root, pretty_print=True, encoding="unicode")).rstrip()
