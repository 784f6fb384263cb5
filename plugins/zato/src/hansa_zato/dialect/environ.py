"""`self.wsgi_environ`: the WSGI environment of a request with the keys that Zato adds to it."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from ..bunch import Bunch
from ..payloads import PlainDict, Value

if TYPE_CHECKING:
    from hansa import Binding, Request as CoreRequest

    from .request import HTTPData
    from .service import Service


def http_environ(core: CoreRequest, http: HTTPData, raw: Value) -> PlainDict:
    """Return a copy of the WSGI environment with what Zato says in it of a request over HTTP."""
    return {
        **(core.environ or {}),
        "zato.http.GET": http.GET,
        "zato.http.POST": http.POST,
        "zato.http.path_params": http.params,
        "zato.http.raw_request": raw,
        "zato.http.remote_addr": core.peer,
    }


def wsgi_environ(service: Service) -> PlainDict:
    """Return a copy of the WSGI environment, so that what a service puts into it stays with it.

    For channels other than HTTP it has only Zato's keys.
    """
    request = service.request
    started = service.invocation_time.replace(tzinfo=datetime.UTC)
    item = _channel_item(service)
    return {
        **http_environ(service.core, request.http, request.raw_request),
        "zato.http.response.headers": service.response.headers,
        "zato.http.response.status": None,
        "zato.http.channel_item": item,
        "zato.channel_item": item,
        "zato.local_tz": datetime.datetime.now().astimezone().tzinfo,
        "zato.request_timestamp": started.astimezone(),
        "zato.request_timestamp_utc": started,
        "zato.request_ctx.in_reply_to": service.in_reply_to,
        "zato.wsx": service.core.extra.get("client"),
    }


def channel_settings(binding: Binding) -> Bunch:
    """Return the settings of a channel, with its name."""
    config = binding.config
    item = Bunch()
    for name in getattr(config, "__dataclass_fields__", ()):
        item[name] = getattr(config, name)
    item["name"] = binding.channel
    return item


def _channel_item(service: Service) -> Bunch:
    """Return the settings of the channel, and what Zato adds to them."""
    item = channel_settings(service.binding)
    item.update(
        service_name=service.name,
        impl_name=service.impl_name,
        service_impl_name=service.impl_name,
        data_format=service.data_format,
        transport=service.transport,
        is_internal=service.name.startswith("zato."),
    )
    return item
