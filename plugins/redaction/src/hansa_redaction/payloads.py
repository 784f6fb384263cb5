"""Messages as they are masked: parsed, since a text can write one value in many ways."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Protocol
from urllib.parse import parse_qsl, urlencode

from hansa import Invalid
from hansa_xml.parser import local_name, parse
from lxml import etree

from .found import MASK, FoundValues, Sweep
from .paths import State
from .rules import Rules

MOST_FIELDS = 1000
_NAME_ENDS = re.compile(r"[\[\].]")


class Unreadable(Exception):
    """A message is not in the format that it seems to be in."""


class Payload(Protocol):
    """A message whose values were masked where the rules say so."""

    def text(self) -> str:
        """Return it as text."""

    def sweep(self, sweep: Sweep) -> None:
        """Mask what was found elsewhere, too."""


class JsonPayload(Payload):
    """A message in JSON, or plain data."""

    def __init__(self, data: object, rules: Rules, found: FoundValues) -> None:
        self._rules = rules
        self._found = found
        self.data = self._masked(data, rules.begin)
        self._text: str | None = None

    @classmethod
    def read(cls, raw: bytes, rules: Rules, found: FoundValues) -> JsonPayload:
        """Read a message; raises `Unreadable`."""
        try:
            return cls(json.loads(raw), rules, found)
        except (ValueError, RecursionError):
            raise Unreadable from None

    def text(self) -> str:
        """Return the JSON text; a lone surrogate is escaped."""
        if self._text is None:
            text = json.dumps(self.data, ensure_ascii=False)
            self._text = text.encode(errors="backslashreplace").decode()
        return self._text

    def sweep(self, sweep: Sweep) -> None:
        """Mask what was found elsewhere, in values and in names.

        PERF: where nothing is escaped, all names and values are parts of the text as they are: if
        there is nothing to mask in it, none is looked at, which takes 40 us for each KB.
        """
        text = self.text()
        if "\\" in text or not sweep.leaves(text):
            self.data = _swept(self.data, sweep)
            self._text = None

    def _masked(self, value: object, state: State) -> object:
        if isinstance(value, list):
            return [self._masked(item, state) for item in value]
        if not isinstance(value, dict):
            return value
        masked: dict[str, object] = {}
        for name, inner in value.items():
            below, ends = self._rules.follow(state, name)
            masked[name] = self._mask(inner) if ends else self._masked(inner, below)
        return masked

    def _mask(self, value: object) -> str:
        for leaf in _leaves(value):
            self._found.add(leaf)
        return MASK


def _leaves(value: object) -> Iterator[object]:
    """Yield the values in a value, and the names in it."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
    else:
        yield value


def _swept(value: object, sweep: Sweep) -> object:
    if isinstance(value, dict):
        return {sweep(name): _swept(inner, sweep) for name, inner in value.items()}
    if isinstance(value, list):
        return [_swept(inner, sweep) for inner in value]
    if isinstance(value, str):
        return sweep(value)
    if value is None or isinstance(value, bool):
        return value
    return MASK if sweep.finds(str(value)) else value


class FieldsPayload(Payload):
    """Fields by name: a form, parameters or headers."""

    def __init__(
        self, fields: Mapping[str, list[str]], names: Mapping[str, bool], found: FoundValues
    ) -> None:
        self.fields: dict[str, list[str]] = {}
        for name, values in fields.items():
            if not names[name]:
                self.fields[name] = values
                continue
            self.fields[name] = [MASK] * len(values)
            for value in values:
                found.add(value)

    def text(self) -> str:
        """Return the fields as a form has them."""
        return urlencode(self.fields, doseq=True, errors="replace")

    def sweep(self, sweep: Sweep) -> None:
        """Mask what was found elsewhere, in values and in names."""
        self.fields = {sweep(name): [*map(sweep, values)] for name, values in self.fields.items()}


def read_form(raw: bytes, rules: Rules, found: FoundValues) -> FieldsPayload:
    """Read a form (application/x-www-form-urlencoded); raises `Unreadable`."""
    try:
        pairs = parse_qsl(
            raw.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict"
        )
    except ValueError:
        raise Unreadable from None
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    masked = {name: is_masked_field(rules, name) for name in fields}
    return FieldsPayload(fields, masked, found)


def is_masked_field(rules: Rules, name: str) -> bool:
    """Whether a parameter or a field of a form is masked: by its name, or by a path of one step; or
    by a part of its name, where it is one such as `user[password]`.
    """
    parts = [part for part in _NAME_ENDS.split(name) if part]
    return any(
        one in rules.parameters or rules.follow(rules.begin, one)[1] for one in (name, *parts)
    )


class XmlPayload(Payload):
    """A message in XML, without comments and processing instructions."""

    def __init__(self, root: etree._Element, rules: Rules, found: FoundValues) -> None:
        self._root = root
        self._rules = rules
        self._found = found
        self._walk(root, rules.begin)

    @classmethod
    def read(cls, raw: bytes, rules: Rules, found: FoundValues) -> XmlPayload:
        """Read a message; raises `Unreadable`."""
        try:
            return cls(parse(raw), rules, found)
        except Invalid:
            raise Unreadable from None

    def text(self) -> str:
        """Return the document."""
        return str(etree.tostring(self._root, encoding="unicode"))

    def sweep(self, sweep: Sweep) -> None:
        """Mask what was found elsewhere, in texts and attributes."""
        for element in self._root.iter():
            element.text = element.text and sweep(element.text)
            element.tail = element.tail and sweep(element.tail)
            for name, value in element.attrib.items():
                element.set(name, sweep(str(value)))

    def _walk(self, element: etree._Element, state: State) -> None:
        below, ends = self._rules.follow_anywhere(state, local_name(str(element.tag)))
        if ends:
            self._mask(element)
            return
        for name, value in element.attrib.items():
            if self._rules.follow_anywhere(below, local_name(str(name)))[1]:
                self._found.add(value)
                element.set(name, MASK)
        for child in element:
            self._walk(child, below)

    def _mask(self, element: etree._Element) -> None:
        for inner in element.iter():
            self._found.add(inner.text)
            if inner is not element:
                self._found.add(inner.tail)
            for value in inner.attrib.values():
                self._found.add(value)
        tail = element.tail
        element.clear()
        element.text = MASK
        element.tail = tail
