"""How a user wants pages: time zone, theme, density, keys; kept in a cookie, so that the server draws
each page that way at once.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Final
from urllib.parse import parse_qs, urlencode
from zoneinfo import ZoneInfo, available_timezones

import falcon

COOKIE: Final = "hansa-view"
ZONE_COOKIE: Final = "hansa-zone"
"""The zone of the browser, which the module of the pages reports; it counts until one is chosen."""
YEAR: Final = 365 * 86400
THEMES: Final = ("system", "light", "dark")
DENSITIES: Final = ("comfortable", "compact")


@dataclass(frozen=True)
class View:
    """The choices of one user; `is_zone_known` unless nobody has said where the user is."""

    zone: str = "UTC"
    theme: str = "system"
    density: str = "comfortable"
    keys: bool = True
    is_zone_known: bool = False

    @classmethod
    def read(cls, text: str, zone: str) -> View:
        """Return the choices of a cookie, and the zone of the browser where it has none."""
        given = {name: values[0] for name, values in parse_qs(text[:500]).items()}
        chosen = given.get("zone", "") or zone
        is_known = is_zone(chosen)
        theme = given.get("theme", "")
        density = given.get("density", "")
        return cls(
            zone=chosen if is_known else "UTC",
            theme=theme if theme in THEMES else THEMES[0],
            density=density if density in DENSITIES else DENSITIES[0],
            keys=given.get("keys") != "no",
            is_zone_known=is_known,
        )

    def cookie(self) -> str:
        """Return the choices as the text of a cookie."""
        keys = "yes" if self.keys else "no"
        given = {"theme": self.theme, "density": self.density, "keys": keys}
        return urlencode({**given, "zone": self.zone} if self.is_zone_known else given)

    def local(self, moment: datetime) -> datetime:
        """Return a time in the zone of the user; raises OverflowError where that is outside of the
        years 1 to 9999.
        """
        return moment.astimezone(ZoneInfo(self.zone))

    def written(self, moment: datetime) -> str:
        """Return a time as pages write it, such as `2026-11-30 14:03:07 CET`; where the zone of the
        user has no such time, as it is.
        """
        try:
            shown = self.local(moment)
        except OverflowError:
            shown = moment
        return shown.strftime("%Y-%m-%d %H:%M:%S %Z")


_view: ContextVar[View] = ContextVar("view")


def current_view() -> View:
    """Return the choices of the user whose request this thread answers."""
    return _view.get(View())


class ViewMiddleware:
    """Reads the choices of each request."""

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Make them the current ones."""
        texts = req.get_cookie_values(COOKIE) or [""]
        zones = req.get_cookie_values(ZONE_COOKIE) or [""]
        _view.set(View.read(texts[0], zones[0]))


@cache
def zones() -> frozenset[str]:
    """Return the names of all time zones (IANA)."""
    return frozenset(available_timezones())


def is_zone(name: str) -> bool:
    """Whether there is a time zone of this name."""
    return name in zones()


def read_moment(text: str, zone: str) -> datetime:
    """Return a time that was typed in: ISO 8601, in the zone unless it has an offset.

    Raises ValueError.
    """
    try:
        found = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        raise ValueError("is not a date and time, such as 2026-11-30 12:00:00") from None
    if found.tzinfo is not None:
        _in_utc(found)
        return found
    if not is_zone(zone):
        raise ValueError(f"there is no time zone {zone}; such as Europe/Berlin or UTC")
    local = found.replace(tzinfo=ZoneInfo(zone))
    if _in_utc(local).astimezone(ZoneInfo(zone)).replace(tzinfo=None) != found:
        raise ValueError(f"does not exist in {zone}: clocks are put forward then")
    return local


def _in_utc(moment: datetime) -> datetime:
    """Return a time in UTC; raises ValueError for one that is outside of the years 1 to 9999 there."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("is outside of the years 1 to 9999 in UTC") from None
