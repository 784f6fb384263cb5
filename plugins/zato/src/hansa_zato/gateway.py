"""Zato's API over HTTP: any service by its name at /zato/json/NAME, and with a Base64 payload at /zato/admin/invoke."""

from __future__ import annotations

import base64
import binascii
from typing import Any, ClassVar

import msgspec
from hansa import HansaError, Request

from .dialect.exceptions import BadRequest, HTTPException, ServiceMissingException
from .dialect.request import readable
from .dialect.wire import UNEXPECTED, ok_env
from .zato.server.service.internal import AdminService


class JSONGateway(AdminService):
    """Invokes the service named in the path with the JSON of the body; answers `zato_env` beside what the service answers."""

    name: ClassVar[str] = "zato.json-gateway"

    def handle(self) -> None:
        """Invoke."""
        name = self._known(str(self.request.http.params.get("service", "")))
        answer = handled(self, name, self.request._core.raw, "json")
        found = (
            answer
            if isinstance(answer, dict)
            else {"response": answer}
            if answer not in (None, "")
            else {}
        )
        self.response.payload = {
            key: value for key, value in found.items() if key != "zato_env"
        } or ""

    def _known(self, name: str) -> str:
        try:
            return self._resolve(name)
        except ServiceMissingException as error:
            raise HTTPException(self.cid, error.msg, 404) from None


class Invoke(JSONGateway):
    """Invokes the service that the message names: `name`, or `id`; `payload`, in Base64; `data_format`, `transport`, `async`."""

    name: ClassVar[str] = "zato.service.invoke"

    def handle(self) -> None:
        """Invoke, or queue."""
        asked = self.request.payload if isinstance(self.request.payload, dict) else {}
        name, number = str(asked.get("name") or ""), asked.get("id")
        if bool(name) == bool(number):
            raise BadRequest(
                self.cid, "either name or id must be given" + (", not both" if name else "")
            )
        if number:
            try:
                name = self._find(
                    lambda cls, other: str(self._id(other)) == str(number), str(number)
                )
            except ServiceMissingException as error:
                raise HTTPException(self.cid, error.msg, 404) from None
        else:
            name = self._known(name)
        try:
            raw = base64.b64decode(str(asked.get("payload") or ""), validate=True)
        except (binascii.Error, ValueError):
            raise BadRequest(self.cid, "payload: is not Base64") from None
        format = "soap" if asked.get("transport") == "soap" else str(asked.get("data_format") or "")
        if asked.get("async"):
            answer: Any = self.invoke_async(
                name, readable(raw), data_format=format or "dict", cid=self.cid
            )
            text = str(answer).encode()
        else:
            text = handled_raw(self, name, raw, "" if format == "dict" else format)
        self.response.payload = {
            "zato_service_invoke_response": {"response": base64.b64encode(text).decode()}
        }

    @staticmethod
    def _id(name: str) -> int:
        from .dialect.channel import stable_id

        return stable_id(name)


def handled_raw(service: AdminService, name: str, raw: bytes, format: str) -> bytes:
    """The bytes that a service answers with; raises its error with its status."""
    response = service.server.handle(name, Request(raw, cid=service.cid), format=format)
    if response.error is not None:
        error = response.error
        if isinstance(error, HansaError):
            raise error
        raise HTTPException(service.cid, UNEXPECTED, response.status) from error
    if response.status >= 400:
        raise HTTPException(service.cid, readable(response.raw) or None, response.status)  # type: ignore[arg-type]
    payload = response.payload
    if response.raw or payload is None or payload == "":
        return bytes(response.raw)
    return (
        payload.encode() if isinstance(payload, str) else msgspec.json.encode(payload, enc_hook=str)
    )


def handled(service: AdminService, name: str, raw: bytes, format: str) -> Any:
    """What a service answers in JSON, as an object; its text, if it is not JSON."""
    text = handled_raw(service, name, raw, format)
    try:
        return msgspec.json.decode(text) if text else ""
    except msgspec.DecodeError:
        return readable(text)


__all__ = ["Invoke", "JSONGateway", "ok_env"]
