"""Zato's API over HTTP.

Any service can be invoked by its name at /zato/json/NAME, and with a Base64 payload at
/zato/admin/invoke.
"""

from __future__ import annotations

import base64
import binascii
from typing import ClassVar

import msgspec
from hansa import HansaError, Invalid, Request

from .dialect import lookup
from .dialect.exceptions import BadRequest, HTTPException, ServiceMissingException
from .dialect.failure import UNEXPECTED
from .dialect.request import readable
from .jsontext import write_json
from .payloads import PlainDict, Value
from .zato.server.service.internal import AdminService


class Gateway(AdminService):
    """Base of what invokes any service by name: its callers administer the cluster.

    What a caller may do is judged by the service that it names: an administrative one says what it
    needs, and any other needs the right to invoke (`InvocationRight`).
    """

    abstract: ClassVar[bool] = True
    runs_services: ClassVar[bool] = True
    right: ClassVar[str | None] = None

    @classmethod
    def is_administrative(cls) -> bool:
        """Whatever its name is."""
        return True


class InvocationRight(AdminService):
    """Is called before a service that is not administrative, so that its caller is judged as that of
    `admin.service.invoke` is.
    """

    name: ClassVar[str] = "zato.gateway.any-service"
    right: ClassVar[str] = "invoke"

    @classmethod
    def is_administrative(cls) -> bool:
        """Whatever its name is."""
        return True

    def handle(self) -> None:
        """Do nothing more."""


class JSONGateway(Gateway):
    """Invokes the service named in the path with the JSON of the body.

    Answers `zato_env` beside what the service answers.
    """

    name: ClassVar[str] = "zato.json-gateway"

    def handle(self) -> None:
        """Invoke the service."""
        name = resolved(self, str(self.request.http.params.get("service", "")))
        answer = _as_dict(_decoded(invoke_raw(self, name, self.core.raw, "json")))
        env = answer.pop("zato_env", None)
        if isinstance(env, dict):
            self.response.result_details = str(env.get("details", ""))
        self.response.payload = answer or ""


class Invoke(Gateway):
    """Invokes the service that the message names by `name` or `id`, with a `payload` in Base64.

    It may have `data_format`, `transport`, and `async` to have it called later.
    """

    name: ClassVar[str] = "zato.service.invoke"

    def handle(self) -> None:
        """Invoke the service, or queue the call."""
        message = self.request.payload if isinstance(self.request.payload, dict) else {}
        name = self._requested_service(message)
        raw = self._payload_of(message)
        is_soap = message.get("transport") == "soap"
        format = "soap" if is_soap else str(message.get("data_format") or "")
        if message.get("async"):
            if is_administrative(self, name):
                raise BadRequest(
                    self.cid, f"{name} is not called later: its caller has to be known"
                )
            data_format = format or "dict"
            cid = self.invoke_async(name, readable(raw), data_format=data_format, cid=self.cid)
            answer = cid.encode()
        else:
            answer = invoke_raw(self, name, raw, "" if format == "dict" else format)
        encoded = base64.b64encode(answer).decode()
        self.response.payload = {"zato_service_invoke_response": {"response": encoded}}

    def _requested_service(self, message: PlainDict) -> str:
        """Return the name of the service to invoke; raises `HTTPException`."""
        name = str(message.get("name") or "")
        number = message.get("id")
        if bool(name) == bool(number):
            suffix = ", not both" if name else ""
            raise BadRequest(self.cid, f"either name or id must be given{suffix}")
        if not number:
            return resolved(self, name)
        try:
            return lookup.by_id(self.server, self.cid, str(number))
        except ServiceMissingException as error:
            raise HTTPException(self.cid, error.msg, 404) from None

    def _payload_of(self, message: PlainDict) -> bytes:
        try:
            return base64.b64decode(str(message.get("payload") or ""), validate=True)
        except (binascii.Error, ValueError):
            raise BadRequest(self.cid, "payload: is not valid Base64") from None


def resolved(service: Gateway, given: str) -> str:
    """Return the name of a service that callers may know by another; raises `HTTPException`."""
    try:
        return lookup.resolve(service.server, service.cid, given)
    except ServiceMissingException as error:
        raise HTTPException(service.cid, error.msg, 404) from None


def invoke_raw(service: AdminService, name: str, raw: bytes, format: str) -> bytes:
    """Return the bytes that a service answers with; raises its error with its status."""
    if not is_administrative(service, name):
        require_invocation(service)
    response = service.server.handle(name, _inner(service, raw), format=format)
    error = response.error
    if isinstance(error, HansaError):
        raise error
    if error is not None:
        raise HTTPException(service.cid, UNEXPECTED, response.status) from error
    if response.status >= 400:
        text = response.raw.decode("utf-8", "replace")
        raise HTTPException(service.cid, text or None, response.status)
    payload = response.payload
    if response.raw or payload is None or payload == "":
        return bytes(response.raw)
    if isinstance(payload, str):
        return payload.encode()
    try:
        return write_json(payload)
    except Invalid as invalid:
        raise TypeError(f"the answer cannot be written: {invalid}") from invalid


def require_invocation(service: AdminService) -> None:
    """Raise `Forbidden` unless the caller may invoke services by name."""
    error = service.server.handle(InvocationRight.name, _inner(service, b"")).error
    if error is not None:
        raise error


def _inner(service: AdminService, raw: bytes) -> Request:
    """Return a request of the caller to the service that it names, which judges it."""
    core = service.core
    request = Request(raw, cid=service.cid, peer=core.peer, environ=core.environ)
    request.principal = core.principal
    return request


def is_administrative(service: AdminService, name: str) -> bool:
    """Whether the callers of a service administer the cluster."""
    return service.server.registry.service(name).cls.is_administrative()


def _decoded(answer: bytes) -> Value:
    """Return what a service answered in JSON as an object; its text, if it is not JSON."""
    if not answer:
        return None
    try:
        return msgspec.json.decode(answer)
    except msgspec.DecodeError:
        return readable(answer)


def _as_dict(answer: Value) -> PlainDict:
    """Return an answer as an object; one that is something else stands under `response`."""
    if isinstance(answer, dict):
        return answer
    return {} if answer in (None, "") else {"response": answer}
