"""`self.msg`: looks expressions up by name, and applies them to documents."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from hansa import HansaError

from ..payloads import Value
from . import elements, pointer
from .definitions import KIND
from .mapper import Mapper

if TYPE_CHECKING:
    from hansa import Server


class Expressions:
    """The expressions of the cluster, by type and name."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def value(self, type: str, name: str) -> str:
        """Return an expression: `name` itself if it begins with a slash, else the one that is
        defined under it; raises KeyError.
        """
        if name.startswith("/"):
            return name
        try:
            found: str = self._server.objects.get(KIND, type, name).config.value
        except HansaError as error:
            raise KeyError(error.explanation) from None
        return found

    def namespace(self, prefix: str) -> str:
        """Return what a prefix stands for; raises KeyError."""
        return self.value("namespace", prefix)


class JSONPointer:
    """A document of dictionaries and lists, read and written by pointers."""

    def __init__(self, document: Value, expressions: Expressions) -> None:
        self._document = document
        self._expressions = expressions

    def get(self, name: str, default: object = None) -> Value:
        """Return the value at a pointer; raises KeyError if no pointer has that name."""
        return pointer.get(self._document, self._expressions.value("json_pointer", name), default)

    def set(
        self, name: str, value: object, return_on_missing: bool = False, in_place: bool = True
    ) -> Value:
        """Set the value at a pointer, and return the document: itself, or a copy if not `in_place`.

        What is missing on the way is made, unless `return_on_missing`: then nothing is changed.
        """
        document = self._document if in_place else copy.deepcopy(self._document)
        expression = self._expressions.value("json_pointer", name)
        missing = pointer.get(document, expression) is pointer.MISSING
        if not (return_on_missing and missing):
            pointer.put(document, expression, value)
        return document


class XPath:
    """An XML document, an element or text, read and written by XPath."""

    def __init__(self, document: Value, expressions: Expressions) -> None:
        self._root = elements.root_of(document)
        self._expressions = expressions

    def get(self, name: str, default: object = None) -> Value:
        """Return what an expression finds: a text, a list of them if there are several, the default
        if there is none; raises KeyError if no expression has that name.
        """
        expression = self._expressions.value("xpath", name)
        found = elements.find(self._root, expression, self._expressions.namespace)
        texts = [elements.text_of(node) for node in found]
        if not texts:
            return default
        return texts[0] if len(texts) == 1 else texts

    def set(self, name: str, value: object) -> Value:
        """Set the text of what an expression finds, and return the root element.

        The elements of a plain path are made if they are missing; for other expressions that find
        nothing, it raises ValueError.
        """
        expression = self._expressions.value("xpath", name)
        elements.put(self._root, expression, value, self._expressions.namespace)
        return self._root


class MessageFacade:
    """`json_pointer(document)`, `xpath(document)`, `mapper(source, target)`."""

    def __init__(self, server: Server) -> None:
        self._expressions = Expressions(server)

    def json_pointer(self, document: Value) -> JSONPointer:
        """Return a document of dictionaries and lists to be read and written."""
        return JSONPointer(document, self._expressions)

    def xpath(self, document: Value) -> XPath:
        """Return an XML document to be read and written."""
        return XPath(document, self._expressions)

    def mapper(self, source: Value, target: Value) -> Mapper:
        """Return what copies values from one document into another; each is an element, or made of
        dictionaries and lists.
        """
        return Mapper(self._document(source), self._document(target), target)

    def _document(self, given: Value) -> JSONPointer | XPath:
        is_plain = isinstance(given, dict | list)
        return self.json_pointer(given) if is_plain else self.xpath(given)
