"""What the distribution of a plugin requires (`Requires-Dist` in its metadata), against what is
installed: an installer may have been told not to look (`pip install --no-deps`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError

from ..foundation.errors import Invalid
from .installed import installed_version

HANSA = "hansa"
"""Core, and the beginning of the names of plugins that others require."""
_OF_EXTRA = re.compile(r"[^;]+; *extra == '[^']+'")
_RANGE = re.compile(r"(?P<name>[\w.-]+)>=(?P<lowest>[\w.]+),<(?P<end>[\w.]+)")


class Unmet(Invalid):
    """A plugin requires what is not installed."""

    code = "unmet"


def unmet(requirements: Iterable[str], *, all: bool = False) -> list[str]:
    """Return in words what is required and not installed: of Hansa and its plugins, or of `all`
    distributions.
    """
    found = [_unmet(line) for line in requirements if all or line.lower().startswith(HANSA)]
    return [fault for fault in found if fault]


def _is_plainly_met(line: str) -> bool:
    """Whether a requirement is that of an extra alone, or a range in which the installed release
    lies.

    PERF: most are. It keeps `packaging.requirements`, which takes 23 ms to import, out of every
    process that loads plugins.
    """
    if _OF_EXTRA.fullmatch(line):
        return True
    bounds = _RANGE.fullmatch(line)
    if bounds is None:
        return False
    from packaging.version import InvalidVersion, Version

    try:
        installed = Version(installed_version(bounds["name"]))
        lowest = Version(bounds["lowest"])
        end = Version(bounds["end"])
    except (PackageNotFoundError, InvalidVersion):
        return False
    return lowest <= installed < end and not installed.is_prerelease


@cache
def _unmet(line: str) -> str:
    """Return what is wrong with one requirement (PEP 508); an empty text if it is met."""
    if _is_plainly_met(line):
        return ""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        requirement = Requirement(line)
    except InvalidRequirement:
        return f"its requirement {line!r} is not valid"
    if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
        return ""
    wanted = f"{requirement.name}{requirement.specifier}"
    try:
        installed = installed_version(requirement.name)
    except PackageNotFoundError:
        return f"it needs {wanted}, which is not installed"
    if requirement.specifier.contains(installed, prereleases=True):
        return ""
    return f"it needs {wanted}, and {requirement.name} {installed} is installed"
