"""Secrets in texts of any kind: what follows a name such as `password`, and passwords in URLs."""

from __future__ import annotations

import re

MASK = "********"
_SECRET = re.compile(
    r"((?:password|passwd|secret|token|api[-_]?key|authorization|cookie)"
    r"['\"]?\s*[:=]\s*['\"]?(?:basic |bearer )?)[^\s'\",;&})]+"
    r"|(://[^\s/:@]*:)[^\s/@]+(?=@)",
    re.IGNORECASE,
)


def mask_secrets(text: str) -> str:
    """Return a text with a mask in place of what looks like a secret in it."""
    return _SECRET.sub(_mask, text)


def _mask(match: re.Match[str]) -> str:
    return (match[1] or match[2]) + MASK
