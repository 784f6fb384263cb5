"""The base of all clients: where they call, as whom, and how the body of a response is read."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Final

import munch
import requests

from .response import Answer, Response
from .values import Value

TIMEOUT: Final = 60.0
"""Seconds that a server may take to accept a connection, and between two parts of its answer."""
log = logging.getLogger("zato.client")


class Client:
    """Calls what is at `path` of the server at `address`, such as `http://localhost:11223`.

    `auth` is what requests takes, such as a pair of username and password; `session` is a session
    of requests, one of its own by default. With `to_bunch` dictionaries in answers have their keys
    as attributes, too. `tls_verify` is True, False, or the path of certificates to trust. No call
    waits longer than `timeout` seconds for the server to go on.
    """

    def __init__(
        self,
        address: str,
        path: str,
        auth: Value = None,
        session: requests.Session | None = None,
        to_bunch: bool = False,
        max_response_repr: int = 2500,
        max_cid_repr: int = 5,
        logger: logging.Logger | None = None,
        tls_verify: bool | str = True,
        timeout: float | tuple[float, float] = TIMEOUT,
    ) -> None:
        self.address = address
        self.service_address = f"{address}{path}"
        self.session = session or requests.Session()
        self.auth = auth
        self.to_bunch = to_bunch
        self.max_response_repr = max_response_repr
        self.max_cid_repr = max_cid_repr
        self.logger = logger or log
        self.tls_verify = tls_verify
        self.timeout = timeout

    def read(self, response: requests.Response) -> Answer:
        """Return what a body says; raises ValueError if it is not in the format."""
        raise NotImplementedError

    def post(self, data: str | bytes, headers: Mapping[str, str]) -> Response:
        """Send a message and return its response.

        Raises what requests raises if there is none, such as `requests.ConnectionError`.
        """
        inner = self.session.post(
            self.service_address,
            data=data.encode() if isinstance(data, str) else data,
            headers=dict(headers),
            auth=self.auth,
            verify=self.tls_verify,
            timeout=self.timeout,
        )
        made = Response(inner, self._answer(inner), self.max_response_repr, self.max_cid_repr)
        self.logger.debug("%s: %r", self.service_address, made)
        return made

    def _answer(self, inner: requests.Response) -> Answer:
        """Return what a response says; of one that cannot be read its text says what went wrong."""
        try:
            answer = self.read(inner)
        except ValueError as error:
            why = str(error) if inner.ok else ""
            return Answer(ok=False, details=why or inner.text or str(inner.reason))
        if not inner.ok and not answer.details:
            answer.details = inner.text or str(inner.reason)
        return answer

    def shaped(self, data: Value) -> Value:
        """Return data with attributes for keys, if that is wanted."""
        return munch.munchify(data) if self.to_bunch else data


def decoded(response: requests.Response) -> Value:
    """Return the value of a body in JSON; None if it is empty. Raises ValueError."""
    if not response.content:
        return None
    try:
        return json.loads(response.content)
    except ValueError:
        raise ValueError(f"no JSON: {response.text}") from None


def json_text(payload: Value, *, to_json: bool = True) -> str | bytes:
    """Return a payload as JSON; text and bytes stay as they are, as do others unless `to_json`."""
    if isinstance(payload, str | bytes):
        return payload
    return json.dumps(payload) if to_json else str(payload)
