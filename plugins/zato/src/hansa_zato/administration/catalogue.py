"""All services of Zato's admin API, as the families declare them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final

from .declaration import Declared
from .families import (
    caches,
    connections,
    http,
    jobs,
    keyvalue,
    others,
    pubsub,
    samples,
    security,
    servers,
    services,
    statistics,
)
from .service import AdministrationService, made

FAMILIES: Final = (
    services,
    samples,
    jobs,
    http,
    connections,
    security,
    keyvalue,
    servers,
    statistics,
    pubsub,
    caches,
    others,
)
"""The modules that declare services, each in its `SERVICES`."""


@cache
def declared() -> Mapping[str, Declared]:
    """Return all declarations, by the name of the service."""
    found: dict[str, Declared] = {}
    for family in FAMILIES:
        for one in family.SERVICES:
            assert one.name not in found, one.name
            found[one.name] = one
    return dict(sorted(found.items()))


@cache
def classes() -> tuple[type[AdministrationService], ...]:
    """Return the services that there are."""
    return tuple(made(one) for one in declared().values() if one.work is not None)


def why_missing(name: str) -> str:
    """Return why a service of Zato is not there; empty for any other name."""
    found = declared().get(name)
    return found.missing if found is not None else ""
