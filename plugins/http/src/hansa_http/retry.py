"""When a failed HTTP call is tried again: which methods, after which failures and answers, and how
much later.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from hansa import HansaError

IDEMPOTENT = frozenset(("GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"))
AFTER = frozenset((429, 502, 503, 504))


class NotSent(Exception):
    """The call never left; it may be repeated, whatever it is.

    `error` is what the caller gets, `reason` what the library says, for logs and states alone.
    """

    def __init__(self, error: HansaError, reason: str = "") -> None:
        super().__init__(f"{error.detail} ({reason})" if reason else error.detail)
        self.error = error
        self.reason = reason


class Broken(NotSent):
    """It is unknown what became of the call."""


def pause(attempt: int, first: float, headers: Mapping[str, str]) -> float:
    """Return the seconds before the next attempt: what Retry-After says (RFC 9110), else twice as
    many each time, with jitter.
    """
    asked = headers.get("retry-after", "").strip()
    if asked.isascii() and asked.isdigit():
        return float(asked)
    if asked:
        try:
            when = parsedate_to_datetime(asked)
        except ValueError:
            pass
        else:
            now = datetime.now(UTC if when.tzinfo else None)
            return max(0.0, (when - now).total_seconds())
    return float(first * 2**attempt * random.uniform(0.8, 1.2))
