"""The message of the current request: its envelope, parsed once for whoever reads it, and the
headers that somebody before the service has processed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hansa_xml.document import Document, current_document, read_document, take_document
from lxml import etree


@dataclass(slots=True, eq=False)
class Message(Document):
    """What is known of one message; a channel soap sets it as `current_document`.

    `processed` are the headers, as `{namespace}name`, that were processed.
    """

    processed: set[str] = field(default_factory=set)


def read_envelope(raw: bytes) -> etree._Element:
    """Return the root element of an envelope, for who reads it before the format does, such as a
    security definition; raises `Invalid` as `hansa_xml.parser.parse` does.

    The format gets the same tree, so that a message is parsed once: it must not be changed.
    """
    return read_document(raw)


def take_envelope(raw: bytes) -> tuple[etree._Element, frozenset[str]]:
    """Return the root element of an envelope, which is the caller's own, and the headers of that
    message that were processed; raises `Invalid`.
    """
    message = current_document.get()
    processed: frozenset[str] = frozenset()
    if isinstance(message, Message) and message.raw is raw:
        processed = frozenset(message.processed)
    return take_document(raw), processed


def note_processed(name: str) -> None:
    """Note that a header of the current message, `{namespace}name`, was processed: it may ask to be
    understood.
    """
    message = current_document.get()
    if isinstance(message, Message):
        message.processed.add(name)
