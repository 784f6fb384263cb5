"""Correlation ids over HTTP: callers that send Zato's header keep their id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hansa import NotFound

from .headers import CID_HEADER

if TYPE_CHECKING:
    from hansa import Server


def accept_zato_cids(server: Server) -> None:
    """Have the channels over HTTP, if there are any, take correlation ids from `X-Zato-CID`, too."""
    try:
        from hansa_http.frontend import HttpFrontend  # needs the extra `http`
    except ImportError:
        return  # hansa-http is not installed
    try:
        frontend = server.resource(HttpFrontend)
    except NotFound:
        return  # hansa-http is installed, and blocked
    frontend.handler.take_cid_from(CID_HEADER)
