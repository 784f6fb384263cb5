"""One outgoing SOAP connection as services of the Zato dialect call it.

It sends strings in envelopes, or calls operations of its WSDL.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partialmethod
from typing import Protocol, cast

from ..dialect.exceptions import ConnectionException
from ..payloads import Value
from .http import Headers, HTTPConnection, LiveHTTP, Params
from .reply import Reply


class LiveSOAP(LiveHTTP, Protocol):
    """What is needed of Hansa's SOAP connection; `client` is None where there is no WSDL."""

    label: str
    client: Value

    def wrap(self, body: object, action: str = "") -> tuple[bytes, dict[str, str]]:
        """Return the envelope of a body, and its headers."""


class SOAPConnection(HTTPConnection):
    """The verbs of HTTP.

    What is posted is put into an envelope unless it is one. Needs hansa-soap-client.
    """

    def _live(self) -> LiveSOAP:
        return cast(LiveSOAP, self._entry.live())

    @contextmanager
    def client(self) -> Iterator[Value]:
        """Return a client of the WSDL: `client.service.Operation(...)`.

        Answers have attributes.

        Its faults are raised.
        """
        live = self._live()
        if live.client is None:
            raise ConnectionException(
                None, f"{live.label} has no WSDL: set `wsdl`, or post strings"
            )
        yield live.client

    def http_request(
        self,
        method: str,
        cid: str,
        data: object = "",
        params: Params = None,
        headers: Headers = None,
        timeout: float | None = None,
        **ignored: object,
    ) -> Reply:
        """Make a request with any method.

        The header SOAPAction, if given, takes precedence over the connection's.
        """
        sent = {str(name): str(value) for name, value in (headers or {}).items()}
        if method == "POST":
            data, needed = self._live().wrap(data, _soap_action(sent))
            replaced = {name.lower() for name in needed}
            sent = {name: value for name, value in sent.items() if name.lower() not in replaced}
            sent.update(needed)
        return super().http_request(method, cid, data, params, sent, timeout, **ignored)

    invoke = partialmethod(HTTPConnection.with_data, "POST")


def _soap_action(headers: dict[str, str]) -> str:
    for name, value in headers.items():
        if name.lower() == "soapaction":
            return value.strip('"')
    return ""
