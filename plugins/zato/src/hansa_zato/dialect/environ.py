"""`self.wsgi_environ`: the WSGI environment of a request with the keys that Zato adds to it."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from ..bunch import Bunch

if TYPE_CHECKING:
    from .service import Service


def wsgi_environ(service: Service) -> dict[str, Any]:
    """A copy of the WSGI environment, so that what a service puts into it stays with it; only Zato's keys for other channels."""
    core, binding, request = service.core, service.binding, service.request
    found: dict[str, Any] = dict(core.environ or {})
    item = Bunch(
        (name, getattr(binding.config, name))
        for name in getattr(binding.config, "__dataclass_fields__", ())
    )
    item.update(
        name=binding.channel,
        service_name=service.name,
        impl_name=service.impl_name,
        service_impl_name=service.impl_name,
    )
    item.update(
        data_format=service.data_format,
        transport=service.transport,
        is_internal=service.name.startswith("zato."),
    )
    found.update(
        {
            "zato.http.GET": request.http.GET,
            "zato.http.POST": request.http.POST,
            "zato.http.path_params": request.http.params,
            "zato.http.raw_request": request.raw_request,
            "zato.http.remote_addr": core.peer,
            "zato.http.response.headers": service.response.headers,
            "zato.http.response.status": None,
            "zato.http.channel_item": item,
            "zato.channel_item": item,
            "zato.local_tz": datetime.datetime.now().astimezone().tzinfo,
            "zato.request_timestamp": service.invocation_time.replace(
                tzinfo=datetime.UTC
            ).astimezone(),
            "zato.request_timestamp_utc": service.invocation_time.replace(tzinfo=datetime.UTC),
            "zato.request_ctx.in_reply_to": service.in_reply_to,
        }
    )
    return found
