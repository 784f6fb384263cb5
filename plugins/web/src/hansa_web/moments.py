"""Times that are typed in."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from .language.texts import gettext
from .view import is_zone


def read_moment(text: str, zone: str) -> datetime:
    """Return a time that was typed in: ISO 8601, in the zone unless it has an offset.

    Raises ValueError.
    """
    try:
        found = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        raise ValueError(gettext("is not a date and time, such as 2026-11-30 12:00:00")) from None
    if found.tzinfo is not None:
        _in_utc(found)
        return found
    if not is_zone(zone):
        raise ValueError(
            gettext("there is no time zone %(zone)s; such as Europe/Berlin or UTC", zone=zone)
        )
    local = found.replace(tzinfo=ZoneInfo(zone))
    if _in_utc(local).astimezone(ZoneInfo(zone)).replace(tzinfo=None) != found:
        raise ValueError(
            gettext("does not exist in %(zone)s: clocks are put forward then", zone=zone)
        )
    return local


def _in_utc(moment: datetime) -> datetime:
    """Return a time in UTC; raises ValueError for one that is outside of the years 1 to 9999 there."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(gettext("is outside of the years 1 to 9999 in UTC")) from None
