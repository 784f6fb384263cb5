"""The format hl7v2: messages in the notation of pipes and hats, as objects of the library hl7."""

from __future__ import annotations

import builtins
from typing import Any

from hansa import Format, Invalid, Misused, Service

from .header import read_header
from .text import decoded, written

MOST_PARTS = 50_000
"""Separators that a message may have: each becomes an object, in some 50 microseconds."""


class Hl7Format(Format):
    """HL7 version 2 (ER7): a message is an object of the library hl7, a list of its segments.

    A service reads `message["PID.5.1"]` or `message.segment("PID")`. It has no Input; it may return
    such a message, or text.
    """

    type = "hl7v2"
    content_types = ("application/hl7-v2", "application/hl7-v2+er7", "x-application/hl7-v2+er7")

    def __init__(
        self, config: object = None, service: builtins.type[Service] | None = None
    ) -> None:
        super().__init__(config, service)
        # a worker that receives no such message saves the library
        import hl7

        self._hl7 = hl7

    def parse(self, raw: bytes, model: Any = None) -> Any:
        """Return a message; raises `Invalid` for what is none, and `Misused` for an Input."""
        if model is not None:
            raise Misused("the format hl7v2 builds no Input: read self.request.input")
        text = decoded(raw)
        header = read_header(raw)
        parts = sum(map(text.count, {"\r", header.separator, *header.field(2)}))
        if parts > MOST_PARTS:
            raise Invalid(f"the message has more than {MOST_PARTS} parts")
        if "\rMSH" in text:
            raise Invalid("there is more than one message")
        try:
            return self._hl7.parse(text)
        except (self._hl7.HL7Exception, ValueError, LookupError, AssertionError) as error:
            raise Invalid(f"the message cannot be read: {type(error).__name__}") from error

    def render(self, value: object, model: Any = None) -> bytes:
        """Return a message, an object or text, as bytes in its charset; raises `Invalid`."""
        if isinstance(value, str | bytes | self._hl7.Message):
            return written(value)
        raise Invalid(f"a {type(value).__name__} is no HL7 message: return one, or text")
