"""One message through one service, as a channel hands it over."""

from __future__ import annotations

from hansa import Binding, Format, Request, Response, Server, Service, current_cid


def handle_message(
    server: Server,
    service: type[Service],
    request: Request,
    *,
    name: str = "",
    type: str = "invoke",
    channel: str = "",
    format: Format | None = None,
    config: object = None,
) -> Response:
    """Run one request through a service class; its exceptions come through."""
    binding = Binding(name or service.get_name(), server, format, channel, type, config)
    request.channel = binding
    request.format = format.type if format else ""
    token = current_cid.set(request.cid)
    try:
        response = service.compile(binding)(request)
    finally:
        current_cid.reset(token)
    response.cid = request.cid
    return response
