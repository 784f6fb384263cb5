"""`self.request`: the message as services of the Zato dialect see it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs

from hansa import Request as CoreRequest

from ..bunch import Bunch, bunchify
from ..sio.reading import Input

_UNREAD: Final = object()


class HTTPData:
    """`self.request.http`: method, path, path variables and query string of a request over HTTP."""

    def __init__(self, core: CoreRequest) -> None:
        self._core = core

    @property
    def method(self) -> str:
        """The HTTP method; empty for other channels."""
        return self._core.method

    @property
    def path(self) -> str:
        """The decoded path."""
        return self._core.path

    @property
    def params(self) -> Bunch:
        """Values of the variables in the path."""
        return Bunch(self._core.extra.get("path_params", {}))

    @property
    def GET(self) -> Bunch:
        """Values of the query string; a key given more than once has a list."""
        return Bunch(self._core.extra.get("query", self._core.params))

    @property
    def POST(self) -> Bunch:
        """Values of a form (application/x-www-form-urlencoded) in the body; empty for other content."""
        if not self._core.headers.get("content-type", "").startswith(
            "application/x-www-form-urlencoded"
        ):
            return Bunch()
        found = parse_qs(
            self._core.raw.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=1000
        )
        return Bunch(
            (name, values[0] if len(values) == 1 else values) for name, values in found.items()
        )

    @property
    def user_agent(self) -> str:
        """What the client says it is."""
        return self._core.headers.get("user-agent", "")

    def get_form_data(self) -> Bunch:
        """The same as POST."""
        return self.POST


class Request:
    """`payload` is what was parsed (for XML an lxml.objectify root), `raw_request` the untouched text, `input` the declared input.

    Without a body, `payload` and `raw_request` are empty text; called from another service, both are the object given.
    """

    __slots__ = (
        "_core",
        "_element",
        "_payload",
        "_raw",
        "data_format",
        "http",
        "input",
        "logger",
        "merge_channel_params",
        "params_priority",
        "simple_io_config",
        "transport",
    )

    def __init__(
        self,
        core: CoreRequest,
        payload: Any,
        element: Any,
        input: Any,
        data_format: str,
        transport: str | None,
    ) -> None:
        self._core = core
        self._payload = payload if element is None else _UNREAD
        self._element = element
        self._raw: Any = _UNREAD
        self.input: Any = Input() if input is None else input
        self.http = HTTPData(core)
        self.data_format, self.transport = data_format, transport
        self.merge_channel_params = True
        self.params_priority = "channel-params-over-msg"
        self.simple_io_config: Mapping[str, Any] = {}

    @property
    def cid(self) -> str:
        """Correlation id."""
        return self._core.cid

    @property
    def payload(self) -> Any:
        """The parsed message."""
        if self._payload is _UNREAD:
            self._payload = objectified(self._element)
        return self._payload

    @payload.setter
    def payload(self, value: Any) -> None:
        self._payload = value

    @property
    def raw_request(self) -> Any:
        """The message as it came: text, or bytes if it is not UTF-8."""
        if self._raw is _UNREAD:
            core = self._core
            self._raw = readable(core.raw) if core.raw or core.payload is None else core.payload
        return self._raw

    text = raw_request

    @property
    def channel_params(self) -> Bunch:
        """Path and query values, merged."""
        return Bunch(self._core.params)

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers of the message, by lower-case names."""
        return self._core.headers

    @property
    def extra(self) -> Mapping[str, Any]:
        """What else the channel tells of the message."""
        return self._core.extra

    def bunchified(self) -> Any:
        """A copy of the payload with attribute access at every depth."""
        return bunchify(self.payload)

    to_bunch = bunchified

    def deepcopy(self) -> Request:
        """A copy of its own of payload and input."""
        element = copy.deepcopy(self._element)
        payload = copy.deepcopy(self._payload) if element is None else None
        return Request(
            self._core,
            payload,
            element,
            copy.deepcopy(self.input),
            self.data_format,
            self.transport,
        )


def readable(raw: bytes) -> str | bytes:
    """Text of bytes, or the bytes themselves if they are not UTF-8."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw


def objectified(element: Any) -> Any:
    """The element as an lxml.objectify root, a copy of its own.

    PERF: only for services that look at it; those with SimpleIO read the element itself.
    """
    from lxml import etree, objectify  # lazy: trial imports of services do without

    parser = objectify.makeparser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    return objectify.fromstring(etree.tostring(element, with_tail=False), parser)
