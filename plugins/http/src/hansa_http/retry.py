"""When a failed HTTP call is tried again: which methods, after which failures and answers, and how much later."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from hansa import HansaError

IDEMPOTENT = frozenset(("GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"))
AFTER = frozenset((429, 502, 503, 504))


class NotSent(Exception):
    """The call never left; it may be repeated, whatever it is. `told` is the error for who called."""

    def __init__(self, told: HansaError) -> None:
        super().__init__(told.detail)
        self.told = told


class Broken(NotSent):
    """Nobody knows what became of the call."""


def pause(attempt: int, first: float, headers: Mapping[str, str]) -> float:
    """Seconds before the next attempt: what Retry-After says (RFC 9110), else twice as many each time, with jitter."""
    asked = headers.get("retry-after", "").strip()
    if asked.isdigit():
        return float(asked)
    if asked:
        try:
            when = parsedate_to_datetime(asked)
        except ValueError:
            pass
        else:
            return max(0.0, (when - datetime.now(UTC if when.tzinfo else None)).total_seconds())
    return float(first * 2**attempt * random.uniform(0.8, 1.2))
