"""`run_service`: a service under test handles one message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hansa import Format, Request, Response, Server, Service

from .message import handle_message
from .server import LocalServer


def run_service(
    service: type[Service],
    input: object = None,
    *,
    raw: bytes = b"",
    format: type[Format] | Format | None = None,
    headers: Mapping[str, str] | None = None,
    params: Mapping[str, Any] | None = None,
    method: str = "",
    principal: object = None,
    cid: str = "",
    attempt: int = 1,
    outgoing: Mapping[str, Mapping[str, Any]] | None = None,
    services: Mapping[str, Any] | None = None,
    server: Server | None = None,
    **others: Any,
) -> Response:
    """Handle one message with a service, as a channel would: the answer is in the response's
    `payload` (and `raw`).

    `input` is the input as a Model or plain data; `raw` with a `format` is what a client sends.
    `outgoing`, `services` and any other option make the `LocalServer` that the service sees as
    `self.server`; or hand in a `server`. Exceptions of the service come through, and `Invalid` when
    the input does not fit its declaration.
    """
    if server is None:
        server = LocalServer(outgoing=outgoing, services=services, **others)
    request = Request(
        raw,
        payload=input,
        headers=headers or {},
        params=params or {},
        method=method,
        cid=cid,
        attempt=attempt,
    )
    request.principal = principal
    form = format(None, service) if isinstance(format, type) else format
    return handle_message(server, service, request, type="test", channel="test", format=form)
