"""Responses to errors in the shapes of Zato, per format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from hansa import Format, HansaError, Request as CoreRequest, Response as CoreResponse

from ..constants import ZATO_ERROR
from ..headers import CID_HEADER
from ..section import profile_of
from ..sio.declaration import declaration
from .wire import JSON, TEXT, zato_env

if TYPE_CHECKING:
    from .service import Service

UNEXPECTED: Final = "An error has occurred"
"""All that a caller learns of an error that was not meant for it.

The log has the rest under the cid.
"""


def failure(
    cls: type[Service], error: BaseException, request: CoreRequest, format: Format | None
) -> CoreResponse:
    """Return the response to an error.

    It is `zato_env` in JSON (3.x: result, cid, details), a fault in SOAP, else bare text.
    """
    status = 500
    details = UNEXPECTED
    headers: dict[str, str] = {}
    if isinstance(error, HansaError) and not error.internal:
        status = error.status
        details = error.detail.encode("utf-8", "replace").decode()
        headers = error.headers
    response = CoreResponse(status=status, cid=request.cid)
    response.headers.update(headers)
    response.headers[CID_HEADER] = request.cid
    if format is not None and format.type == "soap":
        response.raw, response.content_type = format.render_error(error, request.cid)
    elif format is not None and format.type == "json":
        response.payload = _body(cls, request, details)
        response.raw = msgspec.json.encode(response.payload)
        response.content_type = JSON
    else:
        response.payload = details
        response.raw = details.encode()
        response.content_type = TEXT
    return response


def _body(cls: type[Service], request: CoreRequest, details: str) -> dict[str, object]:
    """Return the JSON body of an error, by the generation that the service follows."""
    if _profile(cls, request) == "3.x":
        return {"result": "Error", "cid": request.cid, "details": details}
    return {"zato_env": zato_env(request.cid, ZATO_ERROR, details)}


def _profile(cls: type[Service], request: CoreRequest) -> str:
    configured = "auto" if request.channel is None else profile_of(request.channel.server)
    declared = declaration(cls, configured)
    return declared.profile if declared else configured
