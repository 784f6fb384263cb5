"""Limits of documents, checked in time that is linear in their size."""

from __future__ import annotations

from hansa import Invalid
from lxml import etree

from .early import XmlSection

_MANY_ATTRIBUTES = etree.XPath("boolean(//@*[position() > $limit])")
_MANY_ELEMENTS = etree.XPath("count(//*) > $limit")
_LONG_NAME = etree.XPath("boolean((//*|//@*)[string-length(local-name()) > $limit])")


class Limits:
    """The limits that the section `[xml]` sets."""

    def __init__(self, section: XmlSection) -> None:
        self.section = section
        self._too_deep = etree.XPath("boolean(" + "/*" * (section.max_depth + 1) + ")")

    def check(self, root: etree._Element, raw: bytes, *, ascii_markup: bool) -> None:
        """Raise `Invalid`, which names the setting, for a document over a limit.

        `ascii_markup` says that the bytes have `<`, `/` and `=` as ASCII writes them.
        """
        section = self.section
        exact = not ascii_markup
        # PERF: what is not in the bytes need not be searched in the tree, which doubles the time
        # of parsing
        if exact or raw.count(b"</") >= section.max_depth:
            self._check_depth(root)
        if exact or raw.count(b"=") > section.max_attributes:
            self._check_attributes(root)
        if exact or raw.count(b"<") > section.max_elements:
            self._check_elements(root)
        if exact or _may_have_long_word(raw, section.max_name):
            self._check_names(root)

    def _check_depth(self, root: etree._Element) -> None:
        if self._too_deep(root):
            limit = self.section.max_depth
            raise Invalid(f"nested deeper than {limit} elements, the limit max_depth of [xml]")

    def _check_attributes(self, root: etree._Element) -> None:
        limit = self.section.max_attributes
        if _MANY_ATTRIBUTES(root, limit=limit):
            raise Invalid(
                f"an element has more than {limit} attributes, the limit max_attributes of [xml]"
            )
        in_scope = 0
        for event, _ in etree.iterwalk(root, events=("start-ns", "end-ns")):
            in_scope += 1 if event == "start-ns" else -1
            if in_scope > limit:
                raise Invalid(
                    f"more than {limit} namespaces in scope, the limit max_attributes of [xml]"
                )

    def _check_elements(self, root: etree._Element) -> None:
        limit = self.section.max_elements
        if _MANY_ELEMENTS(root, limit=limit):
            raise Invalid(f"more than {limit} elements, the limit max_elements of [xml]")

    def _check_names(self, root: etree._Element) -> None:
        limit = self.section.max_name
        if _LONG_NAME(root, limit=limit):
            raise Invalid(f"a name of more than {limit} characters, the limit max_name of [xml]")


def _may_have_long_word(raw: bytes, limit: int) -> bool:
    """Whether a document may have a name of more than so many bytes."""
    if len(raw) <= limit:
        return False
    # PERF: a longer word covers a whole piece of half the limit; where each piece has a `<`, there
    # is none. For 2 KB that takes a sixteenth of the time of looking at all words, 1 us
    piece = limit // 2
    if piece and all(
        raw.find(b"<", start, start + piece) >= 0 for start in range(0, len(raw) - piece + 1, piece)
    ):
        return False
    words = raw.replace(b"<", b" ").replace(b">", b" ").split()
    return max(map(len, words), default=0) > limit
