"""Texts that Zato's admin API carries in Base64, and times as it writes them."""

from __future__ import annotations

import base64
import binascii
import datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .call import Call


LATER: Final = 253_370_764_800.0
"""The year 9999: what is set without an end has this one, in seconds of the Unix epoch."""


def encoded(content: bytes | str) -> str:
    """Return a text in Base64."""
    raw = content.encode() if isinstance(content, str) else content
    return base64.b64encode(raw).decode()


def decoded(call: Call, name: str) -> bytes:
    """Return the content of an input in Base64; raises `BadRequest`."""
    try:
        return base64.b64decode("".join(call.text(name).split()), validate=True)
    except (binascii.Error, ValueError):
        raise call.refuse(f"{name}: is not valid Base64") from None


def time_text(seconds: float) -> str:
    """Return a time, in seconds of the Unix epoch, as Zato writes it: in ISO 8601, of UTC, without
    an offset.
    """
    at = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return at.replace(tzinfo=None).isoformat()


def seconds_of(call: Call, name: str) -> float:
    """Return the time that an input says, in seconds of the Unix epoch; raises `BadRequest`."""
    text = call.text(name).strip()
    try:
        at = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise call.refuse(f"{name}: {text!r} is no time such as 2026-11-30T12:00:00") from None
    return (at if at.tzinfo else at.replace(tzinfo=datetime.UTC)).timestamp()
