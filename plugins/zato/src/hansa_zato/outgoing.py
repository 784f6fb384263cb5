"""`self.outgoing`: connections by name as services of the Zato dialect use them, over those of Hansa."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from hansa import HansaError, Model, NotFound, TimedOut, Unavailable, dump

from .bunch import Bunch
from .exceptions import ConnectionException, Inactive, TimeoutException, ZatoException, requests_too
from .reply import Reply
from .sio.models import plain

log = logging.getLogger("hansa.zato.outgoing")


class Outgoing:
    """`.plain_http` (also `.rest`) as in Zato; any other type is that of Hansa, each entry with `.conn` and `.config`."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self.plain_http = self.rest = Connections(server, "http", HTTPConnection)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Connections(self._server, _TYPES.get(name, name), None)


_TYPES = {"zmq": "zeromq", "jms_wmq": "ibm-mq", "wmq": "ibm-mq"}


class Connections:
    """The connections of one type: `get(name)`, `[name]`, `in`, `items()`."""

    def __init__(self, server: Any, type: str, wrapper: Any) -> None:
        self._server, self._type, self._wrapper = server, type, wrapper

    def __getitem__(self, name: str) -> Entry:
        entry = Entry(self._server, self._type, name, self._wrapper)
        try:
            entry.object()
        except NotFound as error:
            raise KeyError(error.detail) from None
        except Unavailable:
            pass  # defined and not there at the moment: the calls themselves will say so
        return entry

    def get(self, name: str, default: Any = None) -> Any:
        """The connection of that name; `default` if none is defined, which is logged."""
        try:
            return self[name]
        except KeyError as error:
            log.warning("%s", error.args[0])
            return default

    def __contains__(self, name: str) -> bool:
        try:
            self[name]
        except KeyError:
            return False
        return True

    def keys(self) -> list[str]:
        """The names of all that are defined."""
        return list(self._server.outgoing[self._type].names())

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.keys())

    def values(self) -> list[Entry]:
        """All connections."""
        return [self[name] for name in self.keys()]

    def items(self) -> list[tuple[str, Entry]]:
        """All connections with their names."""
        return [(name, self[name]) for name in self.keys()]


class Entry:
    """One connection: `conn` to use it, `config` to look at its definition. It is looked up at each use, so edits take effect."""

    def __init__(self, server: Any, type: str, name: str, wrapper: Any) -> None:
        self._server, self._type, self._wrapper = server, type, wrapper
        self.name = name

    def object(self) -> Any:
        """The live object of Hansa; raises its NotFound or Unavailable."""
        return self._server.object("outgoing", self._type, self.name)

    def live(self) -> Any:
        """The live object; raises `Inactive` or `ConnectionException` if it cannot be used now."""
        try:
            return self.object()
        except Unavailable as error:
            if "is inactive" in error.detail:
                raise Inactive(self.name) from error
            raise ConnectionException(None, error.detail) from error

    @property
    def conn(self) -> Any:
        """What makes the calls."""
        return self._wrapper(self) if self._wrapper is not None else self.live()

    @property
    def config(self) -> Bunch:
        """The settings, without secrets."""
        found = Bunch(name=self.name, is_active=True)
        try:
            config = self.object().config
        except Unavailable:
            found.is_active = False
            return found
        found.update(dump(config) if isinstance(config, Model) else {})
        return found

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.conn, name)


class HTTPConnection:
    """The verbs of one outgoing HTTP connection, each with the correlation id first."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry

    @property
    def config(self) -> Bunch:
        """The settings."""
        return self._entry.config

    def get(self, cid: str, params: Any = None, *args: Any, **options: Any) -> Reply:
        """GET, with `params` for the path and the query string."""
        return self.http_request("GET", cid, "", params, *args, **options)

    def delete(self, cid: str, data: Any = "", params: Any = None, *args: Any, **options: Any) -> Reply:
        """DELETE; as in Zato, `data` comes before `params`, and a dictionary given alone is the parameters."""
        if params is None and isinstance(data, dict):
            data, params = "", data
        return self.http_request("DELETE", cid, data, params, *args, **options)

    def options(self, cid: str, data: Any = "", params: Any = None, *args: Any, **options: Any) -> Reply:
        """OPTIONS."""
        return self.http_request("OPTIONS", cid, data, params, *args, **options)

    def head(self, cid: str, params: Any = None, *args: Any, **options: Any) -> Reply:
        """HEAD."""
        return self.http_request("HEAD", cid, "", params, *args, **options)

    def post(self, cid: str, data: Any = "", params: Any = None, *args: Any, **options: Any) -> Reply:
        """POST; data that is not text is sent as JSON."""
        return self.http_request("POST", cid, data, params, *args, **options)

    send = post

    def put(self, cid: str, data: Any = "", params: Any = None, *args: Any, **options: Any) -> Reply:
        """PUT."""
        return self.http_request("PUT", cid, data, params, *args, **options)

    def patch(self, cid: str, data: Any = "", params: Any = None, *args: Any, **options: Any) -> Reply:
        """PATCH."""
        return self.http_request("PATCH", cid, data, params, *args, **options)

    def ping(self, cid: str, *args: Any, **options: Any) -> str:
        """Check that the other side is there; raises ConnectionException, or one of its kind, that says what is wrong."""
        try:
            return str(self._call(cid, lambda live: live.ping()))
        except ZatoException:
            raise
        except Exception as error:  # a ping may fail in any way; that it failed is what it has to tell
            raise ConnectionException(cid, str(error)) from error

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
        """Any method. Raises TimeoutException, ConnectionException, Inactive; ValueError for a path variable without a value.

        `timeout`, in seconds, overrides that of the connection.
        """
        if ignored:
            log.debug("options of requests that have no meaning here: %s", ", ".join(ignored))
        sent = {
            "X-Zato-CID": cid,
            "X-Zato-Component": str(getattr(self._entry._server, "name", "")),
            "X-Zato-Msg-TS": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
        sent.update({str(name): str(value) for name, value in (headers or {}).items()})
        options = {} if timeout is None else {"timeout": timeout}

        def call(live: Any) -> Any:
            body = _body(data, sent, getattr(live.config, "format", ""))
            return live.request(method, data=body, params=dict(params or {}), headers=sent, cid=cid, **options)

        answer = self._call(cid, call)
        return Reply(answer.content, answer.status, answer.headers, answer.url, timedelta(seconds=answer.seconds))

    def _call(self, cid: str, call: Any) -> Any:
        live = self._entry.live()
        try:
            return call(live)
        except TimedOut as error:
            raise requests_too(TimeoutException, "Timeout")(cid, error.detail) from error
        except Unavailable as error:
            raise requests_too(ConnectionException, "ConnectionError")(cid, error.detail) from error
        except HansaError as error:
            if error.status == 400:
                raise ValueError(f"{error.detail} (CID:`{cid}`)") from error
            raise


def _body(data: Any, headers: dict[str, str], format: str) -> Any:
    """What is to be sent: text and bytes as they are, elements as XML, plain data in the connection's format, else as JSON."""
    if data is None or isinstance(data, str | bytes):
        return data or None
    if hasattr(data, "tag"):
        from lxml import etree  # lazy: trial imports of services do without

        headers.setdefault("Content-Type", "application/xml")
        return bytes(etree.tostring(data, encoding="UTF-8", xml_declaration=True, with_tail=False))
    if format:
        return plain(data)
    headers.setdefault("Content-Type", "application/json")
    return json.dumps(plain(data), ensure_ascii=False).encode("utf-8")


class REST:
    """`self.rest`: the HTTP connections of a service without the correlation id, which is that of the service."""

    def __init__(self, outgoing: Outgoing, cid: str) -> None:
        self._connections, self._cid = outgoing.plain_http, cid

    def __getitem__(self, name: str) -> RESTConnection:
        return RESTConnection(self._connections[name].conn, self._cid)

    def __getattr__(self, name: str) -> RESTConnection:
        for candidate in (name, name.replace("_", "-"), name.replace("_", " ")):
            if candidate in self._connections:
                return self[candidate]
        raise AttributeError(f"no outgoing HTTP connection is named {name!r}")


class RESTConnection:
    """One connection of `self.rest`."""

    def __init__(self, conn: HTTPConnection, cid: str) -> None:
        self._conn, self._cid = conn, cid

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._conn, name)
        return lambda *args, **options: call(self._cid, *args, **options)
