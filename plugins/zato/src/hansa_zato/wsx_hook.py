"""`WSXHook`: services of the Zato dialect that learn of clients of WebSockets which come and go."""

from __future__ import annotations

import datetime
from typing import ClassVar

from hansa import Misused

from .bunch import Bunch
from .constants import WEB_SOCKET
from .dialect.service import Service
from .payloads import PlainDict

_HOOK_TYPES = {
    "connected": WEB_SOCKET.HOOK_TYPE.ON_CONNECTED,
    "disconnected": WEB_SOCKET.HOOK_TYPE.ON_DISCONNECTED,
}


class WSXHook(Service):
    """Base of hooks, which channels name as `hook_service`.

    A hook finds the client as `self.request.input.ctx`, and, as long as it is connected,
    as `self.wsgi_environ["zato.wsx"]`.
    """

    abstract: ClassVar[bool] = True

    def on_connected(self) -> None:
        """See a client that has connected, before its first message."""

    def on_disconnected(self) -> None:
        """See a client that has gone."""

    def handle(self) -> None:
        """Call the method of the event."""
        told = self.request.payload
        event = told.get("event") if isinstance(told, dict) else None
        if event not in _HOOK_TYPES:
            raise Misused(f"{self.get_name()} is called by channels of WebSockets alone")
        self.request.input = Bunch(ctx=_context(told))
        if event == "connected":
            self.on_connected()
        else:
            self.on_disconnected()


def _context(told: PlainDict) -> Bunch:
    """Return what happened with the names that Zato has."""
    since = datetime.datetime.fromtimestamp(told["connected_at"], datetime.UTC)
    return Bunch(
        told,
        hook_type=_HOOK_TYPES[told["event"]],
        config=Bunch(name=told["channel"]),
        channel_name=told["channel"],
        pub_client_id=told["client"],
        ext_client_id=told["client"],
        ext_client_name="",
        peer_address=told["address"],
        sec_name=told["security"],
        connection_time=since.replace(tzinfo=None),
        server_name=told["server"],
    )
