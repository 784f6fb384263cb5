"""Services that are declared rather than written: each hands what it gets to an HTTP connection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import GenericAlias
from typing import ClassVar, Final

from ..bunch import Bunch
from ..constants import ADAPTER_PARAMS
from ..outgoing.reply import Reply
from ..payloads import PlainDict, Value
from ..sio.models import build
from .exceptions import BadRequest, HTTPException
from .service import Service

WITHOUT_BODY: Final = ("GET", "HEAD", "DELETE")
ECHO: Final = "echo"


class JSONAdapter(Service):
    """Calls the outgoing HTTP connection `outconn` with the object that it gets, and answers as it.

    `params` are added to what is asked for: after the request, so that they win, or before it
    (`apply_params`). With `params_to_qs` all goes into the query string, as it always does for
    methods without a body; names in `force_in_qs` do in any case. Values for the path of the
    connection are taken from there. `load_response` says whether the answer is JSON; statuses that
    begin with one of `raise_error_on` are errors. A request with a true `echo` is answered with
    itself.
    """

    abstract: ClassVar[bool] = True
    outconn: str = ""
    method: str = "GET"
    params: ClassVar[Mapping[str, object]] = {}
    params_to_qs: bool = False
    force_in_qs: Iterable[str] = ()
    apply_params: str = ADAPTER_PARAMS.APPLY_AFTER_REQUEST
    load_response: bool = True
    raise_error_on: Iterable[str] = ("4", "5")

    def handle(self) -> None:
        """Call the connection."""
        asked = _object(self)
        if asked.get(ECHO):
            self.response.payload = asked
            return
        if not self.outconn:
            raise ValueError(f"{type(self).__name__} has no outconn, the name of a connection")
        message = self._with_params(asked)
        method = self.method.upper()
        in_query = set(self.force_in_qs)
        if self.params_to_qs or method in WITHOUT_BODY:
            in_query = set(message)
        query = {name: value for name, value in message.items() if name in in_query}
        body = {name: value for name, value in message.items() if name not in in_query}
        conn = self.outgoing.plain_http[self.outconn].conn
        reply = conn.http_request(method, self.cid, body or "", query)
        _refuse_errors(self, reply, self.raise_error_on)
        self.response.payload = reply.json() if self.load_response and len(reply) else reply.text

    def _with_params(self, asked: PlainDict) -> PlainDict:
        if self.apply_params == ADAPTER_PARAMS.APPLY_BEFORE_REQUEST:
            return {**self.params, **asked}
        return {**asked, **self.params}


class RESTAdapter(Service):
    """Calls the outgoing HTTP connection `conn_name`, and answers with what `map_response` returns.

    What is sent is said by the methods that a subclass overrides. With a `model` the answer is read
    into it, or into a list of them.
    """

    abstract: ClassVar[bool] = True
    conn_name: str = ""
    method: str = "GET"
    model: type | None = None

    def get_conn_name(self) -> str:
        """Return the name of the connection."""
        return self.conn_name

    def get_method(self) -> str:
        """Return the HTTP method."""
        return self.method

    def get_path_params(self, params: PlainDict) -> PlainDict:
        """Return the values for the path of the connection."""
        return params

    def get_query_string(self, params: PlainDict) -> PlainDict:
        """Return the values of the query string; `params` are those for the path."""
        return params

    def get_headers(self) -> PlainDict:
        """Return further headers."""
        return {}

    def get_auth_bearer(self) -> str:
        """Return a token for the header Authorization; none is sent if it is empty."""
        return ""

    def get_request(self) -> Value:
        """Return what is sent by methods that have a body."""
        return self.request.payload

    def map_response(self, data: Value, **kwargs: Value) -> Value:
        """Return what the service answers, of what the other side did."""
        return data

    def handle(self) -> None:
        """Call the connection."""
        name = self.get_conn_name()
        if not name:
            raise ValueError(f"{type(self).__name__} has no conn_name, the name of a connection")
        params = {**self.get_path_params({})}
        params.update(self.get_query_string(dict(params)) or {})
        headers = {**self.get_headers()}
        token = self.get_auth_bearer()
        if token:
            headers["Authorization"] = f"Bearer {token}"
        method = self.get_method().upper()
        body = "" if method in WITHOUT_BODY else self.get_request()
        conn = self.outgoing.plain_http[name].conn
        reply = conn.http_request(method, self.cid, body, params, headers)
        _refuse_errors(self, reply, ("4", "5"))
        data = reply.data
        if self.model is not None and data is not None:
            data = _as_model(self.model, data)
        self.response.payload = self.map_response(data, params=params, response=reply)


class WSXAdapter(Service):
    """Gets the messages that a server of WebSockets sends, as the service of a
    `channel websocket-client`.
    """

    abstract: ClassVar[bool] = True

    def on_message_received(self, ctx: Bunch) -> Value:
        """Handle a message, `ctx.data`; what it returns is the response."""

    def handle(self) -> None:
        """Hand the message over."""
        payload = self.request.payload
        answer = self.on_message_received(Bunch(type="message", data=payload, cid=self.cid))
        if answer is not None:
            self.response.payload = answer


def _as_model(model: type, data: Value) -> Value:
    """Return data as a model, or as a list of them."""
    hint = GenericAlias(list, (model,)) if isinstance(data, list) else model
    return build(hint, data)


def _object(service: Service) -> PlainDict:
    """Return the object that a message holds, with the values of its path and query string."""
    payload = service.request.payload
    if payload in ("", None):
        payload = {}
    if not isinstance(payload, Mapping):
        raise BadRequest(service.cid, "an object is needed")
    return {**service.request.channel_params, **payload}


def _refuse_errors(service: Service, reply: Reply, prefixes: Iterable[str]) -> None:
    """Raise `HTTPException` for a status that is an error; the log has what the other side said."""
    status = str(reply.status_code)
    if any(status.startswith(str(prefix)) for prefix in prefixes):
        service.logger.warning("%s was answered with %s: %.2000s", reply.url, status, reply.text)
        raise HTTPException(service.cid, f"the other side answered with {status}", 502)
