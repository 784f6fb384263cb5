"""Finds services by name, implementation name, class or number, as callers of this dialect do."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from hansa import NotFound, Service as CoreService

from .channel import stable_id
from .exceptions import ServiceMissingException

if TYPE_CHECKING:
    from hansa import Server

ZATO = "zato."
"""The beginning of the names of Zato's own services."""
ServiceLike: TypeAlias = str | type[CoreService] | CoreService
"""A service by its name, its implementation name, its class or an instance."""


def impl_name(cls: type) -> str:
    """Return `module.Class`, without the version in the name of a deployed module."""
    return re.sub(r"@\w+", "", f"{cls.__module__}.{cls.__qualname__}")


def resolve(server: Server, cid: str, given: ServiceLike) -> str:
    """Return the registered name of a service; raises `ServiceMissingException`."""
    if isinstance(given, CoreService):
        given = type(given)
    if isinstance(given, type):
        given = given.get_name()
    try:
        server.registry.service(given)
    except NotFound as error:
        if "." in given and given.rpartition(".")[2][:1].isupper():
            return by_impl_name(server, cid, given)
        detail = error.detail
        if given.startswith(ZATO):
            detail = f"no service is named {given!r}: {_why_missing(given)}"
        raise ServiceMissingException(cid, detail) from None
    return given


def _why_missing(name: str) -> str:
    """Return why a service of Zato's is not there."""
    from ..administration.catalogue import why_missing  # lazy: it declares services of this dialect

    return why_missing(name) or "hansa-zato does not have this one of Zato's"


def by_impl_name(server: Server, cid: str, wanted: str) -> str:
    """Return the name of the service with a class; raises `ServiceMissingException`."""
    return _find(server, cid, wanted, lambda cls, name: impl_name(cls) == wanted)


def by_id(server: Server, cid: str, wanted: str) -> str:
    """Return the name of the service with a number; raises `ServiceMissingException`."""
    return _find(server, cid, wanted, lambda cls, name: str(stable_id(name)) == wanted)


def _find(
    server: Server, cid: str, wanted: str, matches: Callable[[type[CoreService], str], bool]
) -> str:
    for registered in server.registry.services():
        if matches(registered.cls, registered.name):
            return registered.name
    raise ServiceMissingException(cid, f"no service is known as {wanted!r}")
