"""Documents that keep the rules and limits of a schema, remembered by their text: clients send few
different ones, and to read and check one costs more than all the rest of a request.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from graphql import DocumentNode

MOST = 100_000
"""Characters of all texts; a document takes some hundred times the memory of its text."""
LONGEST = 10_000
"""Characters of a text that is remembered."""


class Documents:
    """Documents by their text, those that were used last; safe in many threads."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._size = 0
        self._documents: OrderedDict[str, DocumentNode] = OrderedDict()

    def find(self, text: str) -> DocumentNode | None:
        """Return the document of a text; None if it is not known."""
        with self._lock:
            found = self._documents.get(text)
            if found is not None:
                self._documents.move_to_end(text)
            return found

    def keep(self, text: str, document: DocumentNode) -> None:
        """Remember a document that keeps all rules, and forget those that were not used for long."""
        if len(text) > LONGEST:
            return
        with self._lock:
            if text not in self._documents:
                self._size += len(text)
            self._documents[text] = document
            while self._size > self._most:
                oldest, _ = self._documents.popitem(last=False)
                self._size -= len(oldest)
