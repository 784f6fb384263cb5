"""`self.rest`: outgoing HTTP connections that know the correlation id of the service."""

from __future__ import annotations

from ..payloads import Value
from .connections import Outgoing
from .http import HTTPConnection


class REST:
    """Outgoing HTTP connections by name: `self.rest["My API"]`, or `self.rest.my_api`."""

    def __init__(self, outgoing: Outgoing, cid: str) -> None:
        self._connections = outgoing.plain_http
        self._cid = cid

    def __getitem__(self, name: str) -> RESTConnection:
        return RESTConnection(self._connections[name].conn, self._cid)

    def __getattr__(self, name: str) -> RESTConnection:
        for candidate in (name, name.replace("_", "-"), name.replace("_", " ")):
            if candidate in self._connections:
                return self[candidate]
        raise AttributeError(f"no outgoing HTTP connection is named {name!r}")


class RESTConnection:
    """One connection, whose verbs take the same arguments without the correlation id."""

    def __init__(self, conn: HTTPConnection, cid: str) -> None:
        self._conn = conn
        self._cid = cid

    def __getattr__(self, name: str) -> Value:
        call = getattr(self._conn, name)

        def call_with_cid(*args: object, **options: object) -> Value:
            return call(self._cid, *args, **options)

        return call_with_cid
