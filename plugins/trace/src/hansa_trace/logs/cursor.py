"""Where to follow the logs from, as callers keep it: a text that they need not understand."""

from __future__ import annotations

import base64

import msgspec
from hansa import Invalid

from .query import Positions

LONGEST = 20_000


class Cursor(msgspec.Struct):
    """When the logs were read, in seconds of the Unix epoch, and up to where, by server."""

    at: float
    positions: dict[str, Positions]

    def text(self) -> str:
        """Return it as a text."""
        return base64.urlsafe_b64encode(msgspec.json.encode(self)).decode()

    @classmethod
    def read(cls, text: str) -> Cursor:
        """Return what a text says; raises `Invalid` for one that is no cursor."""
        try:
            if len(text) > LONGEST:
                raise ValueError
            return msgspec.json.decode(base64.b64decode(text, b"-_", validate=True), type=cls)
        except (ValueError, msgspec.DecodeError):
            raise Invalid({"cursor": "is not a cursor of an earlier answer"}) from None
