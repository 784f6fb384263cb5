"""The message of the current request: its envelope, parsed once for whoever reads it, and the
headers that somebody before the service has processed.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field

from hansa_xml.parser import parse
from lxml import etree


@dataclass(slots=True, eq=False)
class Message:
    """What is known of one message: the bytes that were parsed, the root of their tree, and the
    headers, as `{namespace}name`, that were processed.
    """

    raw: bytes = b""
    root: etree._Element | None = None
    processed: set[str] = field(default_factory=set)


current_message: ContextVar[Message | None] = ContextVar("current_message", default=None)
"""The message of the current request; None outside of a channel soap, which sets it."""


def read_envelope(raw: bytes) -> etree._Element:
    """Return the root element of an envelope, for who reads it before the format does, such as a
    security definition; raises `Invalid` as `hansa_xml.parser.parse` does.

    The format gets the same tree, so that a message is parsed once: it must not be changed.
    """
    message = current_message.get()
    if message is None:
        return parse(raw)
    if message.root is None or message.raw is not raw:
        message.root = parse(raw)
        message.raw = raw
    return message.root


def take_envelope(raw: bytes) -> tuple[etree._Element, frozenset[str]]:
    """Return the root element of an envelope, which is the caller's own, and the headers of that
    message that were processed; raises `Invalid`.
    """
    message = current_message.get()
    if message is None or message.raw is not raw:
        return parse(raw), frozenset()
    root = message.root
    message.root = None
    return parse(raw) if root is None else root, frozenset(message.processed)


def note_processed(name: str) -> None:
    """Note that a header of the current message, `{namespace}name`, was processed: it may ask to be
    understood.
    """
    message = current_message.get()
    if message is not None:
        message.processed.add(name)
