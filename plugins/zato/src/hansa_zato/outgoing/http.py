"""One outgoing HTTP connection as services of the Zato dialect call it.

Each verb has the correlation id first.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partialmethod
from typing import Protocol, TypeAlias

from hansa import HansaError, TimedOut, Unavailable

from ..bunch import Bunch
from ..dialect.exceptions import ConnectionException, TimeoutException, ZatoException, requests_too
from ..headers import CID_HEADER
from ..payloads import Value
from ..sio import xml
from ..sio.models import plain
from .entry import Connection
from .reply import Reply

log = logging.getLogger("hansa.zato.outgoing")

Params: TypeAlias = Mapping[str, object] | None
"""Values for the path and the query string of a request, by name."""

Headers: TypeAlias = Mapping[str, object] | None


class HTTPAnswer(Protocol):
    """What Hansa's HTTP connection returns; `seconds` is how long the call took."""

    content: bytes
    status: int
    headers: Mapping[str, str]
    url: str
    seconds: float


class LiveHTTP(Protocol):
    """What is needed of Hansa's HTTP connection."""

    @property
    def config(self) -> object:
        """Its settings."""

    def ping(self) -> str:
        """Check that the other side is there."""

    def request(
        self,
        method: str,
        data: object = None,
        params: Params = None,
        *,
        headers: Mapping[str, str] | None = None,
        cid: str = "",
        timeout: float | None = None,
    ) -> HTTPAnswer:
        """Call the other side."""


class HTTPConnection(Connection[LiveHTTP]):
    """The verbs of one outgoing HTTP connection, each with the correlation id first.

    `get` and `head` are called as `without_data`, `options`, `post`, `put` and `patch` as `with_data`,
    both without the method. All take `headers`, and `timeout` in seconds, which overrides the
    connection's; see `http_request`.
    """

    @property
    def config(self) -> Bunch:
        """The settings."""
        return self._entry.config

    def with_data(
        self,
        method: str,
        cid: str,
        data: object = "",
        params: Params = None,
        headers: Headers = None,
        timeout: float | None = None,
        **ignored: object,
    ) -> Reply:
        """Make a request of a verb that takes data; what is not text is sent as JSON."""
        return self.http_request(method, cid, data, params, headers, timeout, **ignored)

    def without_data(
        self,
        method: str,
        cid: str,
        params: Params = None,
        headers: Headers = None,
        timeout: float | None = None,
        **ignored: object,
    ) -> Reply:
        """Make a request of a verb that takes no data, only `params` for the path and the query
        string.
        """
        return self.http_request(method, cid, "", params, headers, timeout, **ignored)

    get = partialmethod(without_data, "GET")
    head = partialmethod(without_data, "HEAD")
    options = partialmethod(with_data, "OPTIONS")
    post = partialmethod(with_data, "POST")
    put = partialmethod(with_data, "PUT")
    patch = partialmethod(with_data, "PATCH")
    send = post

    def delete(
        self,
        cid: str,
        data: Value = "",
        params: Params = None,
        headers: Headers = None,
        timeout: float | None = None,
        **ignored: object,
    ) -> Reply:
        """DELETE.

        As in Zato, `data` comes before `params`, and a dictionary given alone is the parameters.
        """
        if params is None and isinstance(data, dict):
            return self.http_request("DELETE", cid, "", data, headers, timeout, **ignored)
        return self.http_request("DELETE", cid, data, params, headers, timeout, **ignored)

    def ping(self, cid: str, *args: object, **options: object) -> str:
        """Check that the other side is there.

        Raises ConnectionException, or one of its kind, that says what is wrong.
        """
        try:
            with _as_zato_errors(cid):
                return str(self._live().ping())
        except ZatoException:
            raise
        except Exception as error:  # whatever a ping raises says that the other side is not there
            raise ConnectionException(cid, str(error)) from error

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
        """Make a request with any method; `timeout`, in seconds, overrides that of the connection.

        Raises TimeoutException, ConnectionException and Inactive; ValueError for a path variable
        without a value.
        """
        if ignored:
            log.debug("options of requests that have no meaning here: %s", ", ".join(ignored))
        sent = {
            CID_HEADER: cid,
            "X-Zato-Component": self._entry.component,
            "X-Zato-Msg-TS": _timestamp(),
        }
        for name, value in (headers or {}).items():
            sent[str(name)] = str(value)
        with _as_zato_errors(cid):
            live = self._live()
            answer = live.request(
                method,
                data=_body(data, sent, getattr(live.config, "format", "")),
                params=dict(params or {}),
                headers=sent,
                cid=cid,
                timeout=timeout,
            )
        return Reply(
            answer.content,
            answer.status,
            answer.headers,
            answer.url,
            timedelta(seconds=answer.seconds),
        )


def _timestamp() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@contextmanager
def _as_zato_errors(cid: str) -> Iterator[None]:
    """Raise a connection's errors as those that services of this dialect catch.

    Users of requests can catch them as the errors of requests, too.
    """
    try:
        yield
    except ZatoException:
        raise
    except TimedOut as error:
        raise requests_too(TimeoutException, "Timeout")(cid, error.detail) from error
    except Unavailable as error:
        raise requests_too(ConnectionException, "ConnectionError")(cid, error.detail) from error
    except HansaError as error:
        if error.status == 400:
            raise ValueError(f"{error.detail} (CID:`{cid}`)") from error
        raise


def _body(data: object, headers: dict[str, str], format: str) -> object:
    """Return what is to be sent, and set its content type if the connection does not know it.

    Text and bytes go as they are, elements as XML, plain data in the connection's format, JSON if
    it has none.
    """
    if data is None or isinstance(data, str | bytes):
        return data or None
    if xml.is_element(data):
        headers.setdefault("Content-Type", "application/xml")
        return xml.as_bytes(data)
    if format:
        return plain(data)
    headers.setdefault("Content-Type", "application/json")
    return json.dumps(plain(data), ensure_ascii=False).encode("utf-8")
