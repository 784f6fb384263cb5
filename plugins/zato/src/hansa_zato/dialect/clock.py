"""`self.time`: now and today as text, and text from one format into another, by the tokens of the library arrow."""

from __future__ import annotations

from typing import Any

from ..constants import KVDB

_STORED = "kvdb:"


class TimeUtil:
    """Date and time by arrow's tokens (`YYYY-MM-DD HH:mm:ss`); a format `kvdb:NAME` is read from Redis."""

    def __init__(self, server: Any) -> None:
        self._server = server

    def get_format(self, format: str) -> str:
        """The tokens of a format; raises ValueError if `kvdb:NAME` is not stored."""
        if not format.startswith(_STORED):
            return format
        key = KVDB.DATE_FORMAT_PREFIX + format.removeprefix(_STORED)
        found = self._server.redis.get(key)
        if not found:
            raise ValueError(f"no format is stored in Redis under {key}")
        return str(found)

    def utcnow(self, format: str = "YYYY-MM-DD HH:mm:ss", needs_format: bool = True) -> Any:
        """The present time in UTC, as text, or as an Arrow object if `needs_format` is off."""
        return self.now(format, "UTC", needs_format)

    def now(
        self, format: str = "YYYY-MM-DD HH:mm:ss", tz: str = "UTC", needs_format: bool = True
    ) -> Any:
        """The present time in a time zone."""
        import arrow  # lazy: trial imports of services do without

        found = arrow.now(tz)
        return found.format(self.get_format(format)) if needs_format else found

    def utcnow_as_float(self) -> float:
        """The present time as seconds since 1970."""
        import time

        return time.time()

    def today(self, format: str = "YYYY-MM-DD", tz: str = "UTC", needs_format: bool = True) -> Any:
        """Today's date in a time zone."""
        return self.now(format, tz, needs_format)

    def reformat(self, value: str, from_: str, to: str) -> str:
        """Text of a date and time in another format."""
        import arrow

        return arrow.get(value, self.get_format(from_)).format(self.get_format(to))
