"""Which admin services a caller may call, in as few patterns as say it exactly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import get_args

from hansa import Registry
from hansa_admin.rights import Right

from .grants import Grants, Target
from .requirement import target_of


def permitted_services(registry: Registry, grants: Grants, principal: object) -> list[str]:
    """Return patterns, as in file names, that the admin services match which a caller may call, and
    no others.
    """
    allowed: set[str] = set()
    refused: set[str] = set()
    for service in registry.services():
        if service.name.startswith("admin."):
            may = grants.unmet(principal, target_of(service.cls, None)) is None
            (allowed if may else refused).add(service.name)
    return patterns_of(allowed, refused)


def patterns_of(allowed: Iterable[str], refused: Iterable[str]) -> list[str]:
    """Return patterns that match all allowed names, and none of the refused."""
    left = sorted(allowed)
    excluded = list(refused)
    found: list[str] = []
    while left:
        pattern = next(
            one for one in _candidates(left[0]) if not any(fnmatchcase(no, one) for no in excluded)
        )
        found.append(pattern)
        left = [name for name in left if not fnmatchcase(name, pattern)]
    return found


def _candidates(name: str) -> Iterator[str]:
    """Return patterns that match a name, the widest first, at last the name itself."""
    parts = name.split(".")
    for length in range(1, len(parts)):
        head = ".".join(parts[:length])
        yield f"{head}.*"
        if length < len(parts) - 1:
            yield f"{head}.*.{parts[-1]}"
    yield name


def permitted_rights(grants: Grants, principal: object) -> list[str]:
    """Return the rights on admin services that a caller has."""
    return [
        right
        for right in get_args(Right)
        if grants.unmet(principal, Target("admin.", right=right)) is None
    ]
