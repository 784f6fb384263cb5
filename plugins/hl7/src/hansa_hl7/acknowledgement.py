"""Acknowledgements (ACK, of MSH and MSA): made for a message, and read from an answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from hansa import Invalid

from .header import LONGEST, Header, read_header

Verdict = Literal["done", "retry", "reject"]

CODES: dict[Verdict, str] = {"done": "A", "reject": "E", "retry": "R"}
"""The second letter of a code: accepted, an error in the message, or rejected for another reason,
so that the same message may be taken later (HL7 version 2, chapter 2, table 0008).
"""
LONGEST_TEXT = 200


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """An answer: its `code` (AA, AE, AR, or CA, CE, CR), the id of the message that it is for, what
    it says, and all of it as bytes.
    """

    code: str
    control_id: str
    text: str
    raw: bytes

    @property
    def ok(self) -> bool:
        """Whether the message was accepted."""
        return self.code[1:] == "A"


def code_for(header: Header, verdict: Verdict) -> str:
    """Return the code to answer with; empty if the sender wants no answer.

    In the original mode each message is answered. In the enhanced mode MSH-15 and MSH-16 say when:
    always, on errors, on success, or never.
    """
    accept = header.field(15).upper()
    application = header.field(16).upper()
    letter = CODES[verdict]
    if not accept and not application:
        return f"A{letter}"
    if _is_wanted(application, verdict):
        return f"A{letter}"
    return f"C{letter}" if _is_wanted(accept, verdict) else ""


def _is_wanted(condition: str, verdict: Verdict) -> bool:
    return condition == "AL" or condition == ("SU" if verdict == "done" else "ER")


def acknowledge(
    header: Header | None, code: str, control_id: str, text: str = "", expected: int | None = None
) -> bytes:
    """Return the acknowledgement of a message, from its receiver to its sender.

    `control_id` is its own, `text` says what is wrong, and `expected` is the next sequence number.
    Without a header, the message had none that could be read.
    """
    known = header or Header("|", ("^~\\&",))
    separator = known.separator
    part = known.component_separator
    trigger = known.component(9, 2)
    kind = part.join(("ACK", trigger, "ACK")) if trigger else "ACK"
    moment = datetime.now(UTC).strftime("%Y%m%d%H%M%S+0000")
    first = [f"MSH{separator}{known.field(2)}"]
    first += [known.field(5), known.field(6), known.field(3), known.field(4), moment, "", kind]
    first += [control_id, known.field(11) or "P", known.field(12) or "2.5"]
    if known.field(18):
        first += ["", "", "", "", "", known.field(18)]
    second = ["MSA", code, known.control_id, _clean(text, known)]
    if expected is not None:
        second.append(str(expected))
    lines = (separator.join(first), separator.join(second).rstrip(separator))
    return "".join(f"{line}\r" for line in lines).encode("latin-1")


def _clean(text: str, header: Header) -> str:
    """Return a text without what would end its field, in ASCII."""
    special = f"{header.separator}{header.field(2)}"
    kept = "".join(" " if one in special or not one.isprintable() else one for one in text)
    return kept[:LONGEST_TEXT].encode("ascii", "replace").decode("ascii")


def read_acknowledgement(raw: bytes) -> Acknowledgement:
    """Return what an answer acknowledges; raises `Invalid` for what is no acknowledgement."""
    header = read_header(raw)
    lines = raw[: 4 * LONGEST].replace(b"\n", b"\r").split(b"\r")
    for line in lines[1:]:
        fields = line.decode("latin-1").split(header.separator)
        if fields[0] == "MSA" and len(fields) > 1:
            rest = [*fields[2:], "", ""]
            return Acknowledgement(fields[1].strip().upper(), rest[0].strip(), rest[1], raw)
    raise Invalid("the answer has no segment MSA")
