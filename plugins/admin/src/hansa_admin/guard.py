"""What stands before every door to administrative services, at whatever address a plugin or a
definition puts it.
"""

from __future__ import annotations

from hansa import Channel, Forbidden, NotFound, Request, Service

SECURITY = "admin"
"""The security definition of the user `admin`."""
SHUT_HEADER = "x-hansa-admin"
"""The header by which a proxy says that it does not let its clients reach the admin API."""
SHUT = "shut"
OTHER_SITE = "requests of other sites are refused"


def is_door(channel: Channel, service: type[Service], login: str = SECURITY) -> bool:
    """Whether who comes in through a channel can administer the cluster.

    Its service says so, or a plugin has put the password of the user `admin`, or the `login` of the
    admin API, before it.
    """
    if service.is_administrative():
        return True
    return channel.builtin and not {SECURITY, login}.isdisjoint(channel.settings.security_names)


def refuse_shut_out(request: Request) -> None:
    """Refuse what has come through a proxy that shuts the admin API off; raises `NotFound`, as if
    nothing were there.
    """
    if request.headers.get(SHUT_HEADER) == SHUT:
        raise NotFound(f"nothing is found at {request.path}")


def refuse_other_sites(request: Request) -> None:
    """Refuse what a page of another site makes a browser send, with the password it remembers.

    Browsers say so by `Sec-Fetch-Site` and `Origin` (Fetch, 3.1). Raises `Forbidden`.
    """
    headers = request.headers
    if headers.get("sec-fetch-site") not in (None, "same-origin", "none"):
        raise Forbidden(OTHER_SITE)
    origin = headers.get("origin")
    host = str(headers.get("host", "")).lower()
    if origin is not None and origin.lower().partition("://")[2] != host:
        raise Forbidden(OTHER_SITE)
