"""How another host asks the authority: over TLS, by the certificate that the fingerprint of its
token, or its own copy, says.
"""

from __future__ import annotations

import contextlib
import hmac
import http.client
import json
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from hansa_authority.authority import fingerprint, first_certificate
from hansa_loadbalancer.settings import is_address, split_address
from hansa_quickstart.failure import FAILED, INVALID, Failure

from .service import AUTHORITY_PATH, LARGEST, MEMBERS_PATH

TIMEOUT: Final = 30.0
"""Seconds that the authority has to answer."""


@dataclass(frozen=True)
class Authority:
    """The authority of a cluster: HOST:PORT, and its certificate (PEM), which alone is trusted."""

    address: str
    certificate: bytes

    @classmethod
    def pinned(cls, address: str, expected: str) -> Authority:
        """Return the authority at an address whose certificate has a fingerprint; raises `Failure`.

        What it says before is not trusted: nothing is sent to it but the question.
        """
        if not is_address(address):
            raise Failure("TOKEN: this is no token of `hansa create token`", INVALID)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        status, body = _exchange(address, context, "GET", AUTHORITY_PATH)
        if status != http.client.OK:
            raise Failure(f"the authority at {address}: {_reason(status, body)}", FAILED)
        try:
            certificate = first_certificate(body)
            found = fingerprint(certificate)
        except ValueError:
            certificate, found = b"", ""
        if not hmac.compare_digest(found.encode(), expected.encode("utf-8", "surrogatepass")):
            message = (
                f"{address} has another certificate than the token says: somebody answers in place "
                "of the authority, or it was made anew after the token"
            )
            raise Failure(message, INVALID)
        # not the body: further certificates in it would be trusted as this one is
        return cls(address, certificate)

    def here(self) -> str:
        """Return the address by which this host reaches it, as it stands in HOST:PORT; raises
        `Failure`.
        """
        try:
            with socket.create_connection(split_address(self.address), timeout=TIMEOUT) as one:
                host = str(one.getsockname()[0])
                return f"[{host}]" if ":" in host else host
        except OSError as error:
            raise Failure(f"the authority at {self.address}: {error}", FAILED) from None

    def join(self, token: str, request: bytes, address: str) -> dict[str, Any]:
        """Have a component admitted; raises `Failure`."""
        asked = {"token": token, "request": request.decode(), "address": address}
        return self._ask("POST", MEMBERS_PATH, asked)

    def renew(self, name: str, secret: str, request: bytes) -> dict[str, Any]:
        """Return a new certificate of a component; raises `Failure`."""
        return self._ask("PUT", f"{MEMBERS_PATH}/{name}", {"request": request.decode()}, secret)

    def leave(self, name: str, secret: str) -> None:
        """Have a component forgotten; raises `Failure`."""
        self._ask("DELETE", f"{MEMBERS_PATH}/{name}", None, secret)

    def _ask(
        self, method: str, path: str, content: dict[str, str] | None, secret: str = ""
    ) -> dict[str, Any]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self.certificate.decode())
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        body = None if content is None else json.dumps(content).encode()
        status, answer = _exchange(self.address, context, method, path, body, headers)
        if status not in (http.client.OK, http.client.NO_CONTENT):
            raise Failure(f"the authority at {self.address}: {_reason(status, answer)}", INVALID)
        try:
            return dict(json.loads(answer)) if answer else {}
        except (ValueError, TypeError):
            message = f"the authority at {self.address} answers with what is no JSON object"
            raise Failure(message, FAILED) from None


def _exchange(
    address: str,
    context: ssl.SSLContext,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> tuple[int, bytes]:
    """Return the status and the body of an answer; raises `Failure`."""
    host, port = split_address(address)
    with _told(address):
        connection = http.client.HTTPSConnection(host, port, timeout=TIMEOUT, context=context)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read(LARGEST)


@contextlib.contextmanager
def _told(address: str) -> Iterator[None]:
    try:
        yield
    except (OSError, http.client.HTTPException) as error:
        message = f"the authority at {address} cannot be reached: {error or type(error).__name__}"
        raise Failure(message, FAILED) from None


def _reason(status: int, body: bytes) -> str:
    try:
        return str(json.loads(body)["detail"])
    except (ValueError, KeyError, TypeError):
        return f"it answers with status {status}"
