"""How a user wants pages: language, time zone, theme, density, keys; kept in a cookie, so that the server
draws each page that way at once.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Final
from urllib.parse import parse_qs, urlencode
from zoneinfo import ZoneInfo, available_timezones

import falcon

from .language.accepted import accepted
from .language.catalogues import SOURCE, is_language, languages

COOKIE: Final = "hansa-view"
ZONE_COOKIE: Final = "hansa-zone"
"""The zone of the browser, which the module of the pages reports; it counts until one is chosen."""
YEAR: Final = 365 * 86400
THEMES: Final = ("system", "light", "dark")
DENSITIES: Final = ("comfortable", "compact")


@dataclass(frozen=True)
class View:
    """The choices of one user; `is_zone_known` unless nobody has said where the user is, and
    `is_language_chosen` unless the language is the one that the browser asks for.
    """

    zone: str = "UTC"
    theme: str = "system"
    density: str = "comfortable"
    keys: bool = True
    is_zone_known: bool = False
    language: str = SOURCE
    is_language_chosen: bool = False

    @classmethod
    def read(cls, text: str, zone: str, wanted: str = "") -> View:
        """Return the choices of a cookie, and where it has none the zone of the browser, and the language
        that it asks for (`Accept-Language`).
        """
        given = {name: values[0] for name, values in parse_qs(text[:500]).items()}
        chosen = given.get("zone", "") or zone
        is_known = is_zone(chosen)
        theme = given.get("theme", "")
        density = given.get("density", "")
        language = given.get("language", "")
        is_language_chosen = is_language(language)
        return cls(
            zone=chosen if is_known else "UTC",
            theme=theme if theme in THEMES else THEMES[0],
            density=density if density in DENSITIES else DENSITIES[0],
            keys=given.get("keys") != "no",
            is_zone_known=is_known,
            language=language if is_language_chosen else accepted(wanted, languages()),
            is_language_chosen=is_language_chosen,
        )

    def cookie(self) -> str:
        """Return the choices as the text of a cookie."""
        keys = "yes" if self.keys else "no"
        given = {"theme": self.theme, "density": self.density, "keys": keys}
        if self.is_zone_known:
            given["zone"] = self.zone
        if self.is_language_chosen:
            given["language"] = self.language
        return urlencode(given)

    def local(self, moment: datetime) -> datetime:
        """Return a time in the zone of the user; raises OverflowError where that is outside of the
        years 1 to 9999.
        """
        return moment.astimezone(ZoneInfo(self.zone))


_view: ContextVar[View] = ContextVar("view")


def current_view() -> View:
    """Return the choices of the user whose request this thread answers."""
    return _view.get(View())


def use_view(view: View) -> None:
    """Make these the choices for what follows in this thread, or in this context."""
    _view.set(view)


class ViewMiddleware:
    """Reads the choices of each request."""

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Make them the current ones."""
        texts = req.get_cookie_values(COOKIE) or [""]
        zones = req.get_cookie_values(ZONE_COOKIE) or [""]
        use_view(View.read(texts[0], zones[0], req.get_header("Accept-Language") or ""))


@cache
def zones() -> frozenset[str]:
    """Return the names of all time zones (IANA)."""
    return frozenset(available_timezones())


def is_zone(name: str) -> bool:
    """Whether there is a time zone of this name."""
    return name in zones()
