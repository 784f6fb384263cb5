"""`self.time`: dates and times as text, by the tokens of the library arrow."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from ..constants import KVDB

if TYPE_CHECKING:
    from arrow import Arrow
    from hansa import Server

DATE_AND_TIME: Final = "YYYY-MM-DD HH:mm:ss"
DATE: Final = "YYYY-MM-DD"
_STORED: Final = "kvdb:"


class TimeUtil:
    """Date and time by arrow's tokens (`YYYY-MM-DD HH:mm:ss`).

    A format `kvdb:NAME` is read from Redis.
    """

    def __init__(self, server: Server) -> None:
        self._server = server

    def get_format(self, format: str) -> str:
        """Return the tokens of a format; raises ValueError if `kvdb:NAME` is not stored."""
        if not format.startswith(_STORED):
            return format
        key = KVDB.DATE_FORMAT_PREFIX + format.removeprefix(_STORED)
        found = self._server.redis.get(key)
        if not found:
            raise ValueError(f"no format is stored in Redis under {key}")
        return str(found)

    def utcnow(self, format: str = DATE_AND_TIME, needs_format: bool = True) -> str | Arrow:
        """Return the present time in UTC as text; as an Arrow object without `needs_format`."""
        return self.now(format, "UTC", needs_format)

    def now(
        self, format: str = DATE_AND_TIME, tz: str = "UTC", needs_format: bool = True
    ) -> str | Arrow:
        """Return the present time in a time zone."""
        import arrow  # lazy: trial imports of services do without

        found = arrow.now(tz)
        return found.format(self.get_format(format)) if needs_format else found

    def utcnow_as_float(self) -> float:
        """Return the present time as seconds since 1970."""
        return time.time()

    def today(self, format: str = DATE, tz: str = "UTC", needs_format: bool = True) -> str | Arrow:
        """Return today's date in a time zone."""
        return self.now(format, tz, needs_format)

    def reformat(self, value: str, from_: str, to: str) -> str:
        """Return a date and time given as text in another format."""
        import arrow  # lazy: trial imports of services do without

        return arrow.get(value, self.get_format(from_)).format(self.get_format(to))
