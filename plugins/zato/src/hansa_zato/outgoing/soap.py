"""One outgoing SOAP connection as services of the Zato dialect call it: strings in envelopes, or operations of its WSDL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..dialect.exceptions import ConnectionException
from .http import HTTPConnection
from .reply import Reply


class SOAPConnection(HTTPConnection):
    """The verbs of HTTP; what is posted is put into an envelope unless it is one. Needs hansa-soap-client."""

    @contextmanager
    def client(self) -> Iterator[Any]:
        """A client of the WSDL: `client.service.Operation(...)`, whose answers have attributes; its faults are raised."""
        live = self._entry.live()
        if live.client is None:
            raise ConnectionException(
                None, f"{live.label} has no WSDL: set `wsdl`, or post strings"
            )
        yield live.client

    def http_request(
        self,
        method: str,
        cid: str,
        data: Any = "",
        params: Any = None,
        headers: Any = None,
        timeout: float | None = None,
        **ignored: Any,
    ) -> Reply:
        """Any method; the header SOAPAction, if given, goes before that of the connection."""
        sent = {str(name): str(value) for name, value in (headers or {}).items()}
        if method == "POST":
            action = next((v.strip('"') for n, v in sent.items() if n.lower() == "soapaction"), "")
            data, needed = self._entry.live().wrap(data, action)
            names = {name.lower() for name in needed}
            sent = {
                name: value for name, value in sent.items() if name.lower() not in names
            } | needed
        return super().http_request(method, cid, data, params, sent, timeout, **ignored)

    def invoke(
        self, cid: str, data: Any = "", params: Any = None, *args: Any, **options: Any
    ) -> Reply:
        """Post a string."""
        return self.post(cid, data, params, *args, **options)
