"""Info: what is known of a failed message besides the call itself, and the groups of messages that failed for one cause."""

from __future__ import annotations

import hashlib
import re

import msgspec
from hansa import HansaError

from .call import Attempt

_VARIABLE = re.compile(
    r"[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}|\bK[0-9A-Z]{27}\b|0x[0-9a-fA-F]+|\b[0-9a-fA-F]{12,}\b|\d+(?:[.,:]\d+)*"
)


class Info(msgspec.Struct, omit_defaults=True):
    """Why, when and where a message failed; `created` and `at` in seconds of the Unix epoch."""

    service: str
    cause: str
    created: float
    at: float
    cid: str = ""
    attempts: int = 0
    worker: str = ""
    traceback: str = ""
    group: str = ""
    history: list[Attempt] = []

    def grouped(self) -> Info:
        """With the name of the group that it belongs to."""
        self.group = hashlib.sha256(f"{self.service}\0{pattern(self.cause)}".encode()).hexdigest()[
            :12
        ]
        return self


def pattern(cause: str) -> str:
    """A cause without what differs from one message to the next: numbers, identifiers, all but its first line."""
    return _VARIABLE.sub("*", cause.partition("\n")[0])[:300]


def describe(error: BaseException) -> str:
    """An error as a cause: its type and text."""
    detail = error.detail if isinstance(error, HansaError) else str(error)
    return cause_of(f"{type(error).__name__}: {detail}" if detail else type(error).__name__)


def cause_of(text: str) -> str:
    """A text as a cause, not longer than 2,000 characters."""
    return text[:2000]
