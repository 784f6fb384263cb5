"""`get_request_hash`: a service says itself what its answer depends on, where its channel keeps
answers in a cache.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..bunch import Bunch
from .environ import channel_settings
from .hooks import overridden
from .request import readable

if TYPE_CHECKING:
    from hansa import Request as CoreRequest

    from .service import Service


def request_hash(cls: type[Service], core: CoreRequest) -> str | None:
    """Return what a service names the answer to a request; None if it does not say.

    `get_request_hash` is called with `raw_request`, `channel_item`, `channel_params` and
    `wsgi_environ`, of an instance that knows nothing else.
    """
    if not overridden(cls, "get_request_hash"):
        return None
    environ = {**(core.environ or {}), "zato.http.remote_addr": core.peer}
    context = Bunch(
        raw_request=readable(core.raw),
        channel_item=Bunch() if core.channel is None else channel_settings(core.channel),
        channel_params=dict(core.params),
        wsgi_environ=environ,
    )
    given = cls().get_request_hash(context)
    return None if given is None else str(given)
