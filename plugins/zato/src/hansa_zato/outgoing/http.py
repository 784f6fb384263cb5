"""One outgoing HTTP connection as services of the Zato dialect call it: each verb with the correlation id first."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from hansa import HansaError, TimedOut, Unavailable

from ..dialect.exceptions import ConnectionException, TimeoutException, ZatoException, requests_too
from ..sio.models import plain
from .reply import Reply

if TYPE_CHECKING:
    from ..bunch import Bunch
    from .connections import Entry

log = logging.getLogger("hansa.zato.outgoing")


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

    def delete(
        self, cid: str, data: Any = "", params: Any = None, *args: Any, **options: Any
    ) -> Reply:
        """DELETE; as in Zato, `data` comes before `params`, and a dictionary given alone is the parameters."""
        if params is None and isinstance(data, dict):
            data, params = "", data
        return self.http_request("DELETE", cid, data, params, *args, **options)

    def options(
        self, cid: str, data: Any = "", params: Any = None, *args: Any, **options: Any
    ) -> Reply:
        """OPTIONS."""
        return self.http_request("OPTIONS", cid, data, params, *args, **options)

    def head(self, cid: str, params: Any = None, *args: Any, **options: Any) -> Reply:
        """HEAD."""
        return self.http_request("HEAD", cid, "", params, *args, **options)

    def post(
        self, cid: str, data: Any = "", params: Any = None, *args: Any, **options: Any
    ) -> Reply:
        """POST; data that is not text is sent as JSON."""
        return self.http_request("POST", cid, data, params, *args, **options)

    send = post

    def put(
        self, cid: str, data: Any = "", params: Any = None, *args: Any, **options: Any
    ) -> Reply:
        """PUT."""
        return self.http_request("PUT", cid, data, params, *args, **options)

    def patch(
        self, cid: str, data: Any = "", params: Any = None, *args: Any, **options: Any
    ) -> Reply:
        """PATCH."""
        return self.http_request("PATCH", cid, data, params, *args, **options)

    def ping(self, cid: str, *args: Any, **options: Any) -> str:
        """Check that the other side is there; raises ConnectionException, or one of its kind, that says what is wrong."""
        try:
            return str(self._call(cid, lambda live: live.ping()))
        except ZatoException:
            raise
        except (
            Exception
        ) as error:  # a ping may fail in any way; that it failed is what it has to tell
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
            "X-Zato-Msg-TS": datetime.now(UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
        }
        sent.update({str(name): str(value) for name, value in (headers or {}).items()})
        options = {} if timeout is None else {"timeout": timeout}

        def call(live: Any) -> Any:
            body = _body(data, sent, getattr(live.config, "format", ""))
            return live.request(
                method, data=body, params=dict(params or {}), headers=sent, cid=cid, **options
            )

        answer = self._call(cid, call)
        return Reply(
            answer.content,
            answer.status,
            answer.headers,
            answer.url,
            timedelta(seconds=answer.seconds),
        )

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
