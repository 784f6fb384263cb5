"""The section `csv` of every channel: the dialect of its messages."""

from __future__ import annotations

import codecs
import csv
from typing import Annotated

from hansa import Invalid, Model, setting


class CsvSettings(Model):
    """CSV.

    How messages of the format `csv` are written; RFC 4180 by default.
    """

    delimiter: Annotated[
        str,
        setting("Character between two cells", example=";", min_length=1, max_length=1),
    ] = ","
    quote: Annotated[
        str,
        setting("Character around cells with delimiters in them", min_length=1, max_length=1),
    ] = '"'
    header: Annotated[
        bool, setting("Whether the first line has the names of the columns, and is written")
    ] = True
    columns: Annotated[
        list[str],
        setting(
            "Names of the columns in their order; required without a header, and with one the only "
            "columns that are read or written",
            example=["id", "name", "amount"],
        ),
    ] = []
    encoding: Annotated[
        str, setting("Character encoding, such as utf-8, cp1252 or utf-16", min_length=1)
    ] = "utf-8"
    line_end: Annotated[
        str,
        setting("What ends a written line; each of LF, CR LF and CR is read", pattern="^\r?\n$"),
    ] = "\r\n"
    guard_formulas: Annotated[
        bool,
        setting(
            "Write an apostrophe before texts that spreadsheets would run as a formula: those that "
            "begin with =, +, -, @ or a tab"
        ),
    ] = False

    def check(self) -> None:
        """Refuse a dialect that cannot be read again; raises `Invalid`."""
        super().check()
        faults = {}
        if self.delimiter == self.quote:
            faults["quote"] = "must differ from delimiter"
        for name in ("delimiter", "quote"):
            if getattr(self, name) in "\r\n\0":
                faults[name] = "must be no line end"
        if not self.header and not self.columns:
            faults["columns"] = "required without a header"
        if len(set(self.columns)) < len(self.columns):
            faults["columns"] = "a name is given twice"
        try:
            codecs.lookup(self.encoding)
            "".encode(self.encoding)
        except (LookupError, ValueError):
            faults["encoding"] = "is not a character encoding"
        if faults:
            raise Invalid(faults)

    def dialect(self) -> type[csv.Dialect]:
        """Return the dialect as the standard library has it."""
        return type(
            "ChannelDialect",
            (csv.Dialect,),
            {
                "delimiter": self.delimiter,
                "quotechar": self.quote,
                "doublequote": True,
                "lineterminator": self.line_end,
                "quoting": csv.QUOTE_MINIMAL,
                "strict": True,
            },
        )


DEFAULT = CsvSettings()
"""The dialect of messages that come by no channel."""
