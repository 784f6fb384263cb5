"""The document of the current request: parsed once for whoever reads it, a security definition
before the format.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass

from lxml import etree

from .parser import parse


@dataclass(slots=True, eq=False)
class Document:
    """The bytes that were parsed, and the root of their tree; None once the format has taken it."""

    raw: bytes = b""
    root: etree._Element | None = None


current_document: ContextVar[Document | None] = ContextVar("current_document", default=None)
"""The document of the current request, on channels that set it; they reset it, too."""

_shared: ContextVar[tuple[bytes, etree._Element] | None] = ContextVar("shared", default=None)
"""The document that was shared on any other channel."""


def read_document(raw: bytes) -> etree._Element:
    """Return the root element of a document, for who reads it before the format does; raises
    `Invalid` as `hansa_xml.parser.parse` does.

    Within a channel that has set `current_document` the format gets the same tree: it must not be
    changed. On other channels see `share_document`.
    """
    document = current_document.get()
    if document is None:
        return parse(raw)
    if document.root is None or document.raw is not raw:
        document.root = parse(raw)
        document.raw = raw
    return document.root


def share_document(raw: bytes, root: etree._Element) -> None:
    """Have the format take this tree of a document, and not parse the same bytes again.

    For requests of accepted callers, on channels whose format takes it: what is not taken is kept
    until this thread parses another document.
    """
    _shared.set((raw, root))


def take_document(raw: bytes) -> etree._Element:
    """Return the root element of a document, which is the caller's own from now on; raises
    `Invalid`.
    """
    shared = _shared.get()
    if shared is not None:
        _shared.set(None)
        if shared[0] is raw:
            return shared[1]
    document = current_document.get()
    if document is None or document.raw is not raw:
        return parse(raw)
    root = document.root
    document.root = None
    return parse(raw) if root is None else root
