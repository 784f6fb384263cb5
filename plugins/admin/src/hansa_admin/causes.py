"""What failures have in common: their cause, without what differs from one to the next."""

from __future__ import annotations

import re

LONGEST_PATTERN = 300
_VARIABLE = re.compile(
    r"[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}"  # UUID
    r"|\bK[0-9A-Z]{27}\b"  # correlation id
    r"|0x[0-9a-fA-F]+"
    r"|\b[0-9a-fA-F]{12,}\b"
    r"|\d+(?:[.,:]\d+)*"
)


def pattern(cause: str) -> str:
    """Return a cause without what differs from one message to the next: numbers, identifiers, all
    but its first line.
    """
    first_line, _, _ = cause.partition("\n")
    return _VARIABLE.sub("*", first_line)[:LONGEST_PATTERN]
