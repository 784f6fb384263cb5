"""What messages are as data: interchanges, their groups and messages. Trailers are not among them:
they are checked when a message is read, and counted when it is written.
"""

from __future__ import annotations

from typing import Annotated

from hansa import Model, setting

from .segment import Segment, text_at

Sign = Annotated[str, setting("A single character", min_length=1, max_length=1)]


class EdifactSeparators(Model):
    """The service string advice (UNA), with the names of its signs (ISO 9735-1, annex B)."""

    component: Sign = ":"
    element: Sign = "+"
    decimal: Sign = "."
    release: Sign = "?"
    repetition: Sign = " "
    terminator: Sign = "'"


class EdifactMessage(Model):
    """A message: its header (UNH) and the segments up to its trailer (UNT)."""

    header: Annotated[Segment, setting("The segment UNH")]
    segments: Annotated[list[Segment], setting("What is between UNH and UNT")] = []

    @property
    def reference(self) -> str:
        """The reference of the message (0062)."""
        return text_at(self.header, 1)

    @property
    def type(self) -> str:
        """The type of the message (0065), such as ORDERS."""
        return text_at(self.header, 2)


class EdifactGroup(Model):
    """A group of messages: its header (UNG), and the messages up to its trailer (UNE)."""

    header: Annotated[Segment, setting("The segment UNG")]
    messages: Annotated[list[EdifactMessage], setting("The messages")] = []


class EdifactInterchange(Model):
    """An interchange: its header (UNB), and its messages, or groups of them, up to its trailer (UNZ)."""

    header: Annotated[Segment, setting("The segment UNB")]
    separators: Annotated[EdifactSeparators | None, setting("UNA, if there is one")] = None
    groups: Annotated[list[EdifactGroup], setting("The groups, if there are any")] = []
    messages: Annotated[list[EdifactMessage], setting("The messages in no group")] = []

    @property
    def sender(self) -> str:
        """Who sends it (0004)."""
        return text_at(self.header, 2)

    @property
    def recipient(self) -> str:
        """Who is to receive it (0010)."""
        return text_at(self.header, 3)

    @property
    def reference(self) -> str:
        """The reference of the interchange (0020)."""
        return text_at(self.header, 5)


class X12Separators(Model):
    """The signs of an X12 interchange; `repetition` counts from version 00402 on."""

    element: Sign = "*"
    component: Sign = ":"
    repetition: Sign = "^"
    terminator: Sign = "~"


class X12Transaction(Model):
    """A transaction set: its header (ST) and the segments up to its trailer (SE)."""

    header: Annotated[Segment, setting("The segment ST")]
    segments: Annotated[list[Segment], setting("What is between ST and SE")] = []

    @property
    def control_number(self) -> str:
        """The control number of the transaction set (ST02)."""
        return text_at(self.header, 2)

    @property
    def type(self) -> str:
        """The code of the transaction set (ST01), such as 850."""
        return text_at(self.header, 1)


class X12Group(Model):
    """A functional group: its header (GS), and the transaction sets up to its trailer (GE)."""

    header: Annotated[Segment, setting("The segment GS")]
    transactions: Annotated[list[X12Transaction], setting("The transaction sets")] = []


class X12Interchange(Model):
    """An interchange: its header (ISA) without the padding of its fields, and its groups up to its
    trailer (IEA).
    """

    header: Annotated[Segment, setting("The segment ISA, without padding")]
    separators: Annotated[X12Separators, setting("The signs between its parts")] = X12Separators()
    acknowledgements: Annotated[list[Segment], setting("The segments TA1")] = []
    groups: Annotated[list[X12Group], setting("The functional groups")] = []

    @property
    def sender(self) -> str:
        """Who sends it (ISA06)."""
        return text_at(self.header, 6)

    @property
    def recipient(self) -> str:
        """Who is to receive it (ISA08)."""
        return text_at(self.header, 8)

    @property
    def control_number(self) -> str:
        """The control number of the interchange (ISA13)."""
        return text_at(self.header, 13)
