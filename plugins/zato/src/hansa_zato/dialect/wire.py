"""What goes over the wire: responses and errors in the shapes of Zato, per format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from hansa import (
    Binding,
    Format,
    HansaError,
    Invalid,
    Request as CoreRequest,
    Response as CoreResponse,
)

from ..constants import ZATO_ERROR, ZATO_OK
from ..sio import models, xml
from ..sio.declaration import Declaration, declaration
from ..sio.payload import Payload
from ..sio.writing import writer
from .response import is_element

if TYPE_CHECKING:
    from .service import Service

CID_HEADER = "X-Zato-CID"
UNEXPECTED = "An error has occurred"
Finish = Callable[["Service", CoreRequest], CoreResponse]


def empty(status: int, cid: str, **headers: str) -> CoreResponse:
    """A response without a body."""
    response = CoreResponse("", status=status, cid=cid)
    response.headers.update({**headers, CID_HEADER: cid})
    if status >= 400:
        response.outcome = "reject"
    return response


def finisher(declared: Declaration | None, binding: Binding, cls: type[Service]) -> Finish:
    """Build what makes the response of a service that has done its work."""
    format = binding.format
    write = writer(declared) if declared and declared.outputs else None
    types = {element.name: element.type for element in declared.outputs} if declared else {}
    wrapped = declared.response_elem if declared else None
    namespace = getattr(binding.config, "namespace", "") or (declared.namespace if declared else "")
    with_env = bool(getattr(cls, "zato_env_in_json", False))
    is_xml = format is not None and format.type in ("xml", "soap")
    internal = format is None and binding.type in ("invoke", "invoke-async")

    def answer(service: Service) -> Any:
        """What the service answered, as an object: the one it put there, or its declared output."""
        payload = service.response.payload
        if isinstance(payload, Payload):
            data = write(payload) if write else dict(payload.values)
            return {wrapped: data} if wrapped else data
        if declared and declared.output_model is not None:
            return _as_model(declared, payload)
        return payload

    def element(service: Service, found: Any) -> Any:
        """The declared output in XML."""
        data = (
            found[wrapped]
            if wrapped and isinstance(found, dict) and list(found) == [wrapped]
            else found
        )
        return xml.response(
            wrapped or "response", namespace, service.cid, service.response.result, data, types
        )

    def finish(service: Service, core: CoreRequest) -> CoreResponse:
        source = service.response
        declares = isinstance(source.payload, Payload)
        found = answer(service)
        response = CoreResponse(found, status=int(source.status_code), cid=core.cid)
        if internal:
            response.headers[CID_HEADER] = core.cid
            return response
        if found is None or (isinstance(found, str | bytes) and not found):
            if with_env and is_xml and format is not None:
                root = xml.response(
                    wrapped or "response", namespace, service.cid, source.result, None, types
                )
                response.raw = format.render(root, None)
            elif with_env:
                response.raw = _render_json(format, {"zato_env": _env(service)})
        elif isinstance(found, str | bytes):
            response.raw = _text(found, format)
        elif is_xml:
            assert format is not None
            response.raw = format.render(
                element(service, found) if declares else _bare(found), None
            )
        elif is_element(found):
            response.raw = _element_bytes(found)
        else:
            if with_env and isinstance(found, dict):
                found = {"zato_env": _env(service), **found}
            response.raw = _render_json(format, found if declares else models.plain(found))
        response.content_type = source.content_type or _content_type(
            format, declares or isinstance(found, Mapping | list)
        )
        if source.content_encoding:
            response.headers["Content-Encoding"] = source.content_encoding
        for name, value in source.headers.items():
            if name.lower() == "content-type":
                response.content_type = value
            else:
                response.headers[name] = value
        response.headers[CID_HEADER] = core.cid
        return response

    return finish


def _as_model(declared: Declaration, payload: Any) -> Any:
    side = declared.output_model
    assert side is not None
    if payload is None or isinstance(payload, (side.model, str, bytes)):
        return payload
    try:
        return models.build(list[side.model] if side.many else side.model, payload)  # type: ignore[name-defined]
    except Invalid as invalid:
        raise TypeError(f"the response does not fit the declared output: {invalid}") from invalid


def _env(service: Service) -> dict[str, str]:
    response = service.response
    return {"result": response.result, "cid": service.cid, "details": response.result_details}


def _render_json(format: Format | None, data: Any) -> bytes:
    if format is not None and format.type not in ("xml", "soap"):
        return format.render(data, None)
    return msgspec.json.encode(data, enc_hook=str)


def _text(found: str | bytes, format: Format | None) -> bytes:
    """Text goes out as it is; in SOAP, what is no envelope yet is put into one."""
    raw = found.encode("utf-8") if isinstance(found, str) else bytes(found)
    if format is None or format.type != "soap" or b"Envelope" in raw[:1000]:
        return raw
    from lxml import etree  # lazy: trial imports of services do without

    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    return format.render(etree.fromstring(raw, parser), None)


def _element_bytes(element: Any) -> bytes:
    from lxml import etree  # lazy: trial imports of services do without

    return bytes(etree.tostring(element, encoding="UTF-8", xml_declaration=True, with_tail=False))


def _bare(found: Any) -> Any:
    return found if is_element(found) else models.plain(found)


def _content_type(format: Format | None, is_data: bool) -> str:
    if format is not None:
        return format.content_type
    return "application/json" if is_data else "text/plain; charset=utf-8"


def failure(
    cls: type[Service], error: BaseException, request: CoreRequest, format: Format | None
) -> CoreResponse:
    """The response to an error: `zato_env` in JSON (3.x: result, cid, details), a fault in SOAP, else the bare text.

    What was not meant for the caller is told by one sentence; the log has the rest under the cid.
    """
    known = isinstance(error, HansaError)
    response = CoreResponse(status=error.status if known else 500, cid=request.cid)  # type: ignore[attr-defined]
    details = (
        error.detail.encode("utf-8", "replace").decode()
        if isinstance(error, HansaError)
        else UNEXPECTED
    )
    if isinstance(error, HansaError):
        response.headers.update(error.headers)
    response.headers[CID_HEADER] = request.cid
    if format is not None and format.type == "soap":
        response.raw, response.content_type = format.render_error(error, request.cid)
    elif format is not None and format.type == "json":
        response.payload = _error(_profile(cls, request), request.cid, details)
        response.raw, response.content_type = (
            msgspec.json.encode(response.payload),
            "application/json",
        )
    else:
        response.payload = details
        response.raw, response.content_type = details.encode(), "text/plain; charset=utf-8"
    return response


def _profile(cls: type[Service], request: CoreRequest) -> str:
    from .dispatch import profile_of  # it is built upon this module

    declared = declaration(cls, profile_of(getattr(request.channel, "server", None)))
    return declared.profile if declared else profile_of(getattr(request.channel, "server", None))


def _error(profile: str, cid: str, details: str) -> dict[str, Any]:
    if profile == "3.x":
        return {"result": "Error", "cid": cid, "details": details}
    return {"zato_env": {"result": ZATO_ERROR, "cid": cid, "details": details}}


def ok_env(cid: str, details: str = "") -> dict[str, str]:
    """The `zato_env` of a success."""
    return {"result": ZATO_OK, "cid": cid, "details": details}
