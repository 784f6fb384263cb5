"""`self.request`: the message as services of the Zato dialect see it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qs

from hansa import Request as CoreRequest

from ..bunch import Bunch, bunchify
from ..payloads import PlainDict, Value
from ..sio.reading import Input
from ..sio.xml import XMLElement
from .brokers import AMQPMessage, WMQMessage
from .environ import http_environ

_UNREAD: Final = object()
_FORM: Final = "application/x-www-form-urlencoded"
_MOST_FIELDS: Final = 1000


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
        """Values of a form in the body, and the files in it; a name given more than once has a list.

        It is empty for other content. A channel without the setting `forms` reads only
        application/x-www-form-urlencoded.
        """
        if "form" in self._core.extra:
            return Bunch(self._core.extra["form"])
        if not self._core.headers.get("content-type", "").startswith(_FORM):
            return Bunch()
        text = self._core.raw.decode("utf-8", "replace")
        fields = parse_qs(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
        found = Bunch()
        for name, values in fields.items():
            found[name] = values[0] if len(values) == 1 else values
        return found

    @property
    def user_agent(self) -> str:
        """The header User-Agent."""
        return self._core.headers.get("user-agent", "")

    @property
    def _wsgi_environ(self) -> PlainDict:
        """The WSGI environment, as services of 3.x reach for it: a copy, with Zato's keys."""
        return http_environ(self._core, self, readable(self._core.raw))

    def get_form_data(self) -> Bunch:
        """The same as POST."""
        return self.POST


class Request:
    """The message: `payload` as parsed, `raw_request` as it came, `input` as declared.

    For XML, `payload` is an lxml.objectify root. Without a body, `payload` and `raw_request` are
    empty text; for a call from another service, both are the object that was passed.
    """

    __slots__ = (
        "_core",
        "_element",
        "_payload",
        "_raw",
        "data_format",
        "http",
        "input",
        "is_refused",
        "logger",
        "merge_channel_params",
        "params_priority",
        "simple_io_config",
        "transport",
    )

    def __init__(
        self,
        core: CoreRequest,
        payload: object,
        element: XMLElement | None,
        input: object,
        data_format: str,
        transport: str | None,
    ) -> None:
        self._core = core
        self._element = element
        self._payload: Value = payload if element is None else _UNREAD
        self._raw: Value = _UNREAD
        self.input: Value = Input() if input is None else input
        self.http = HTTPData(core)
        self.data_format = data_format
        self.transport = transport
        self.is_refused = False
        self.merge_channel_params = True
        self.params_priority = "channel-params-over-msg"
        self.simple_io_config: PlainDict = {}

    @property
    def cid(self) -> str:
        """Correlation id."""
        return self._core.cid

    @property
    def payload(self) -> Value:
        """The parsed message."""
        # copied only for services that look at it; those with SimpleIO read the element itself
        if self._payload is _UNREAD and self._element is not None:
            self._payload = objectified(self._element)
        return self._payload

    @payload.setter
    def payload(self, value: object) -> None:
        self._payload = value

    @property
    def raw_request(self) -> Value:
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
    def extra(self) -> Mapping[str, Value]:
        """What else the channel knows about the message."""
        return self._core.extra

    @property
    def amqp(self) -> AMQPMessage:
        """The message as a channel of AMQP received it."""
        return AMQPMessage(self._core, self._decide)

    def _decide(self, is_refused: bool) -> None:
        self.is_refused = is_refused

    @property
    def wmq(self) -> WMQMessage:
        """What IBM MQ says of the message."""
        return WMQMessage(self._core)

    ibm_mq = wmq

    def bunchified(self) -> Value:
        """Return a copy of the payload with attribute access at every depth."""
        return bunchify(self.payload)

    to_bunch = bunchified

    def deepcopy(self) -> Request:
        """Return a copy whose payload and input are independent."""
        element = copy.deepcopy(self._element)
        payload = copy.deepcopy(self._payload) if element is None else None
        input = copy.deepcopy(self.input)
        return Request(self._core, payload, element, input, self.data_format, self.transport)


def readable(raw: bytes) -> str | bytes:
    """Return bytes as text, or as they are if they are not UTF-8."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw


def objectified(element: XMLElement) -> Value:
    """Return a copy of an element as an lxml.objectify root."""
    from lxml import etree, objectify  # lazy: trial imports of services do without

    parser = objectify.makeparser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    return objectify.fromstring(etree.tostring(element, with_tail=False), parser)
