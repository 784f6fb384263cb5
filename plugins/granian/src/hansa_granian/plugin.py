"""The hook of hansa-granian: a server that the setting `http.server` may choose."""

from __future__ import annotations

from hansa import Server, hookimpl
from hansa_http.frontend import HttpFrontend

from .listener import GranianListener


@hookimpl(tryfirst=True)
def hansa_serve(server: Server) -> None:
    """Offer granian, before hansa-http begins to accept connections."""
    server.resource(HttpFrontend).offer("granian", GranianListener)
