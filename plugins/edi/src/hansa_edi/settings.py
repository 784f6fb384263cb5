"""The section `edi` of every channel: charset, line ends and limits."""

from __future__ import annotations

import codecs
from typing import Annotated

from hansa import Invalid, Model, setting


class EdiSettings(Model):
    """EDI.

    How messages of the formats `edifact` and `x12` are read and written.
    """

    encoding: Annotated[
        str,
        setting(
            "Charset in place of the one that an interchange names (EDIFACT: UNOA to UNOY), or of "
            "UTF-8 (X12)",
            example="latin-1",
        ),
    ] = ""
    line_end: Annotated[
        str, setting("What is written after each segment", pattern="^(\r?\n)?$")
    ] = ""
    max_segments: Annotated[
        int, setting("Maximum number of segments in a message", ge=3, le=10_000_000)
    ] = 100_000
    max_elements: Annotated[
        int, setting("Maximum number of separators in a message", ge=20, le=100_000_000)
    ] = 2_000_000

    def check(self) -> None:
        """Refuse a charset in which no segment can be written; raises `Invalid`."""
        super().check()
        if not self.encoding:
            return
        try:
            codecs.lookup(self.encoding)
            contains_ascii = "UNB+'ISA*~".encode(self.encoding) == b"UNB+'ISA*~"
        except (LookupError, ValueError):
            contains_ascii = False
        if not contains_ascii:
            raise Invalid({"encoding": "is not a charset that contains ASCII"})


DEFAULT = EdiSettings()
"""The settings of messages that come by no channel."""
