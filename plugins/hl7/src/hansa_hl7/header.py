"""The header of a message (MSH), read from its bytes, however the rest of it looks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from hansa import Invalid

LONGEST = 4096
"""Bytes that a header may have."""
_FIRST = 2
"""The number of the field that follows the separator: MSH-1 is the separator itself."""


@dataclass(frozen=True, slots=True)
class Header:
    """The fields of MSH; texts have one character for each byte, so that they stay as they are."""

    separator: str
    fields: tuple[str, ...]

    def field(self, number: int) -> str:
        """Return MSH-`number`, empty if it is not there; from 2 on."""
        position = number - _FIRST
        return self.fields[position] if position < len(self.fields) else ""

    def component(self, number: int, part: int) -> str:
        """Return one component, from 1 on, of MSH-`number`."""
        parts = self.field(number).split(self.component_separator)
        return parts[part - 1] if part <= len(parts) else ""

    @property
    def component_separator(self) -> str:
        """What separates components."""
        return self.field(2)[:1] or "^"

    @property
    def control_id(self) -> str:
        """The id by which the sender tells its messages apart (MSH-10)."""
        return self.field(10)

    @property
    def message_type(self) -> str:
        """What the message is, such as ADT^A01 (MSH-9), without its structure."""
        found = (self.component(9, 1), self.component(9, 2))
        return "^".join(part for part in found if part)

    @property
    def sender(self) -> str:
        """The application and the facility that it comes from (MSH-3 and MSH-4)."""
        return f"{self.field(3)}|{self.field(4)}"


def read_header(raw: bytes) -> Header:
    """Return the header of a message; raises `Invalid` if it has none."""
    if not raw.startswith(b"MSH"):
        raise Invalid("the message does not begin with MSH")
    line = raw[:LONGEST].partition(b"\r")[0].partition(b"\n")[0]
    if len(line) == LONGEST:
        raise Invalid(f"the segment MSH has {LONGEST} bytes or more")
    text = line.decode("latin-1")
    separator = text[3:4]
    fields = tuple(text[4:].split(separator)) if separator else ()
    header = Header(separator, fields)
    fault = _fault_of_separators(separator, header.field(2))
    if fault:
        raise Invalid(fault)
    if b"\x0b" in line or b"\x1c" in line:
        # its acknowledgement repeats fields, and could not be framed
        raise Invalid("the segment MSH has the control characters VT or FS")
    return header


@lru_cache(64)
def _fault_of_separators(separator: str, others: str) -> str:
    """Return what is wrong with MSH-1 and MSH-2; empty if nothing is."""
    used = separator + others
    if not separator or not 1 <= len(others) <= 5:
        return "the message does not say what separates its fields and components (MSH-1, MSH-2)"
    plain = any(one.isalnum() or not one.isprintable() or one.isspace() for one in used)
    if plain or not used.isascii() or len(set(used)) != len(used):
        return "what separates fields and components (MSH-1, MSH-2) are not different signs"
    return ""
