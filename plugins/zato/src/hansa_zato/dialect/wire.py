"""Responses in the shapes of Zato, per format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from hansa import Binding, Format, Invalid, Request as CoreRequest, Response as CoreResponse

from ..constants import ZATO_OK
from ..headers import CID_HEADER
from ..jsontext import write_json
from ..payloads import Value
from ..sio import models, xml
from ..sio.declaration import Declaration
from ..sio.payload import Payload
from ..sio.writing import writer
from ..sio.xml import XMLElement

if TYPE_CHECKING:
    from .service import Service

TEXT: Final = "text/plain; charset=utf-8"
JSON: Final = "application/json"
INTERNAL_TYPES: Final = ("invoke", "invoke-async")
"""The types of channels that stand for calls from service to service."""

_ENVELOPE_WITHIN: Final = 1000
"""Bytes at the start of a text in which its SOAP envelope opens, if it has one."""


def is_xml(format: Format | None) -> bool:
    """Whether a format carries XML."""
    return format is not None and format.type in ("xml", "soap")


def zato_env(cid: str, result: str = ZATO_OK, details: str = "") -> dict[str, str]:
    """Return the `zato_env` of a JSON response."""
    return {"result": result, "cid": cid, "details": details}


def empty(status: int, cid: str, headers: Mapping[str, str] | None = None) -> CoreResponse:
    """Return a response without a body."""
    response = CoreResponse("", status=status, cid=cid)
    response.headers.update(headers or {})
    response.headers[CID_HEADER] = cid
    if status >= 400:
        response.outcome = "reject"
    return response


class ResponseWriter:
    """Makes the responses of a service on a channel; what it can, it decides before any request."""

    def __init__(self, declared: Declaration | None, binding: Binding, cls: type[Service]) -> None:
        own_namespace = declared.namespace if declared else ""
        self._format = binding.format
        self._is_xml = is_xml(binding.format)
        self._is_internal = binding.format is None and binding.type in INTERNAL_TYPES
        self._output_model = declared.output_model if declared else None
        self._write = writer(declared) if declared and declared.outputs else None
        self._types = {one.name: one.type for one in declared.outputs} if declared else {}
        self._wrapper = declared.response_elem if declared else None
        self._namespace = getattr(binding.config, "namespace", "") or own_namespace
        self._has_env = bool(getattr(cls, "zato_env_in_json", False))

    def respond(self, service: Service, core: CoreRequest) -> CoreResponse:
        """Return the response of a service that has done its work."""
        source = service.response
        is_declared = isinstance(source.payload, Payload)
        answer = self._answer(source.payload)
        response = CoreResponse(answer, status=int(source.status_code), cid=core.cid)
        if self._is_internal:
            response.headers[CID_HEADER] = core.cid
            return response
        try:
            response.raw = self._body(service, answer, is_declared)
        except Invalid as invalid:
            raise TypeError(f"the answer cannot be written: {invalid}") from invalid
        is_data = is_declared or isinstance(answer, Mapping | list)
        response.content_type = source.content_type or self._content_type(is_data)
        if source.content_encoding:
            response.headers["Content-Encoding"] = source.content_encoding
        for name, value in source.headers.items():
            if name.lower() == "content-type":
                response.content_type = value
            else:
                response.headers[name] = value
        response.headers[CID_HEADER] = core.cid
        return response

    def _answer(self, payload: Value) -> Value:
        """Return the answer as an object: the declared output, or what the service assigned."""
        if isinstance(payload, Payload):
            data = self._write(payload) if self._write else dict(payload.values)
            return {self._wrapper: data} if self._wrapper else data
        side = self._output_model
        if side is None or payload is None or isinstance(payload, (side.model, str, bytes)):
            return payload
        try:
            return models.build(side.hint, payload)
        except Invalid as invalid:
            raise TypeError(
                f"the response does not fit the declared output: {invalid}"
            ) from invalid

    def _body(self, service: Service, answer: Value, is_declared: bool) -> bytes:
        """Return the bytes of an answer."""
        if answer is None or (isinstance(answer, str | bytes) and not answer):
            return self._empty_body(service)
        if isinstance(answer, str | bytes):
            return _text(answer, self._format)
        if self._is_xml and self._format is not None:
            return self._format.render(self._xml_of(service, answer, is_declared), None)
        if xml.is_element(answer):
            return xml.as_bytes(answer)
        if self._has_env and isinstance(answer, dict):
            meta = service.response.meta
            paging = {} if meta is None else {"_meta": meta}
            answer = {"zato_env": self._env(service), **paging, **answer}
        return self._render_json(answer if is_declared else models.plain(answer))

    def _empty_body(self, service: Service) -> bytes:
        """Return the body of a response without an answer: nothing, or the `zato_env` alone."""
        if not self._has_env:
            return b""
        if self._is_xml and self._format is not None:
            return self._format.render(self._element(service, None), None)
        return self._render_json({"zato_env": self._env(service)})

    def _xml_of(self, service: Service, answer: Value, is_declared: bool) -> object:
        """Return what the XML format is to write: declared output as an element, or plain data."""
        if not is_declared:
            return answer if xml.is_element(answer) else models.plain(answer)
        is_wrapped = isinstance(answer, dict) and list(answer) == [self._wrapper]
        return self._element(service, answer[self._wrapper] if is_wrapped else answer)

    def _element(self, service: Service, data: Value) -> XMLElement:
        result = service.response.result
        elem = self._wrapper or "response"
        return xml.response(elem, self._namespace, service.cid, result, data, self._types)

    def _env(self, service: Service) -> dict[str, str]:
        response = service.response
        return zato_env(service.cid, response.result, response.result_details)

    def _render_json(self, data: object) -> bytes:
        if self._format is not None and not self._is_xml:
            return self._format.render(data, None)
        return write_json(data)

    def _content_type(self, is_data: bool) -> str:
        if self._format is not None:
            return self._format.content_type
        return JSON if is_data else TEXT


def _text(answer: str | bytes, format: Format | None) -> bytes:
    """Return text as it is; in SOAP, what is no envelope yet is put into one."""
    raw = answer.encode("utf-8") if isinstance(answer, str) else bytes(answer)
    if format is None or format.type != "soap" or b"Envelope" in raw[:_ENVELOPE_WITHIN]:
        return raw
    from lxml import etree  # lazy: trial imports of services do without

    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    return format.render(etree.fromstring(raw, parser), None)
