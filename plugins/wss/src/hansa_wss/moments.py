"""Moments as WS-Security writes them: `xsd:dateTime` in UTC (SMS 1.1.1, section 10)."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_is_moment = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,9})?(Z|[+-]\d\d:\d\d)?", re.ASCII
).fullmatch


def read_moment(text: str) -> float:
    """Return a moment in seconds since 1970; one without a time zone is in UTC. Raises `ValueError`
    for anything else.
    """
    found = _is_moment(text)
    if found is None:
        raise ValueError("not a date and time")
    whole, fraction, zone = found.groups()
    if zone in (None, "Z"):
        zone = "+00:00"
    seconds = datetime.fromisoformat(whole + zone).timestamp()
    return seconds + float(fraction or 0)


def write_moment(seconds: float) -> str:
    """Return seconds since 1970 as a moment in UTC, to the millisecond."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
