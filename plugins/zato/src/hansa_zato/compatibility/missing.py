"""Says of attributes of Zato's services that are not there why they are not."""

from __future__ import annotations

from functools import cache

from .table import rows

_SELF = "self."


def missing_attribute(name: str) -> str:
    """Return why services have no attribute of a name; empty if Zato's have none either."""
    return _missing().get(name, "")


@cache
def _missing() -> dict[str, str]:
    """Return why each first attribute of `self` that is missing is so."""
    found = [row for row in rows() if row.status == "not" and row.name.startswith(_SELF)]
    reasons = {row.name.removeprefix(_SELF): row.why for row in found}
    for name in list(reasons):
        reasons.setdefault(name.partition(".")[0], reasons[name])
    return reasons
