"""The format `xml`: documents <-> models, dot-access elements and plain data."""

from __future__ import annotations

import builtins
from collections.abc import Mapping

from hansa import Format, Invalid, Service, problem
from lxml import etree

from .document import take_document
from .element import Element
from .reader import reader
from .shape_reader import Read
from .shapes import Data, Hint
from .text import is_name, presentable
from .writer import Write, as_element, write_anything, write_element, writer

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'


class Documents:
    """Readers and writers of one route, each built at its first use and kept as long as the route
    is.
    """

    def __init__(self) -> None:
        # by identity, since a type need not be hashable; the type is kept so that its identity
        # stays its own
        self._readers: dict[int, tuple[Hint, Read]] = {}
        self._writers: dict[int, tuple[Hint, Write]] = {}

    def read(self, element: etree._Element, model: Hint) -> Data:
        """Return the value of an element: a `model`, or a dot-access `Element` without one; raises
        `Invalid` with all faults.
        """
        if model is None:
            return Element(element)
        found = self._readers.get(id(model))
        if found is None:
            found = self._readers[id(model)] = (model, reader(model))
        return found[1](element)

    def write(self, value: Data, model: Hint) -> str:
        """Return the content of an element that holds a value; raises `Invalid`."""
        if model is None or hasattr(model, "model_dump"):
            return write_anything(value)
        found = self._writers.get(id(model))
        if found is None:
            found = self._writers[id(model)] = (model, writer(model))
        return found[1](value)


def error_content(error: BaseException, cid: str) -> str:
    """Return an error as elements: status, title, detail, cid, and `errors` with the fault of
    each field, if any has one; what is wrong with the whole stands in the detail.
    """
    found = problem(error, cid)
    parts = []
    for name in ("status", "title", "detail", "cid"):
        parts.append(f"<{name}>{presentable(str(found[name]))}</{name}>")
    if isinstance(error, Invalid) and not error.internal:
        parts.append(_faults_by_field(error.errors))
    return "".join(parts)


def _faults_by_field(faults: Mapping[str, str]) -> str:
    items = []
    for field, fault in faults.items():
        if field:
            key = presentable(field)
            value = presentable(fault)
            items.append(f"<item><key>{key}</key><value>{value}</value></item>")
    return f"<errors>{''.join(items)}</errors>" if items else ""


def check_namespace(uri: str) -> None:
    """Raise `Invalid` for text that cannot name a namespace; empty text means none."""
    try:
        etree.Element("any", nsmap={"any": uri} if uri else None)
    except (ValueError, TypeError) as error:
        raise Invalid({"namespace": str(error)}) from None


class XmlFormat(Format):
    """XML 1.0 with namespaces, read safely and compared by local names; UTF-8 is written.

    The root element of answers is `response`, or what the service names in `response_elem`, or its
    Output in `xml_name`; its namespace is what the service names in `namespace`, or its Output in
    `xml_namespace`.
    """

    type = "xml"
    content_types = ("application/xml", "text/xml")

    def __init__(
        self, config: object = None, service: builtins.type[Service] | None = None
    ) -> None:
        super().__init__(config, service)
        self._documents = Documents()
        output = getattr(service, "Output", None)
        root = getattr(service, "response_elem", "") or getattr(output, "xml_name", "")
        namespace = getattr(service, "namespace", "") or getattr(output, "xml_namespace", "")
        self._root: str = root or "response"
        self._namespace: str = namespace
        if not is_name(self._root):
            raise Invalid({"response_elem": f"{self._root!r} is not a name that XML can write"})
        check_namespace(self._namespace)

    def parse(self, raw: bytes, model: Hint = None) -> Data:
        """Build a `model` from a document, or a dot-access `Element`; raises `Invalid` with every
        fault.
        """
        return self._documents.read(take_document(raw), model)

    def render(self, value: Data, model: Hint = None) -> bytes:
        """Return a document of a value; an lxml element or `Element` is written as it is. Raises
        `Invalid` for what XML cannot hold.
        """
        found = None if model is not None else as_element(value)
        if found is None:
            found = write_element(self._root, self._documents.write(value, model), self._namespace)
        return (DECLARATION + found).encode()

    def render_error(self, error: BaseException, cid: str) -> tuple[bytes, str]:
        """Return an `error` document with status, title, detail, cid, and the faults of invalid
        input.
        """
        document = f"{DECLARATION}<error>{error_content(error, cid)}</error>"
        return document.encode(), self.content_type
