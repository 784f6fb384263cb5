"""Reads the text of one file, JSON or YAML: the entries under each of its keys, with their lines."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import yaml

LARGEST: Final = 16 * 1024 * 1024
"""Bytes that one file may have."""

_BLANK: Final = re.compile(r"[ \t\n\r]*")


class Unparsable(ValueError):
    """Why a file cannot be read, in words."""


class _Loader(yaml.SafeLoader):
    """Reads plain data, without aliases: few lines of them may stand for more than memory holds."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]
            line = event.start_mark.line + 1 if event.start_mark else 0
            raise Unparsable(f"line {line}: has an alias (*)")
        return super().compose_node(parent, index)


Entry = tuple[str, int, object]
"""A key of the file, a line, and one of the values under the key."""


def parse(path: Path) -> list[Entry]:
    """Return the entries of a file; raises `Unparsable`."""
    text = _text(path)
    try:
        return list(_json(text) if is_json(text) else _yaml(text))
    except RecursionError:
        raise Unparsable("is nested too deep") from None


def parse_include(path: Path) -> object:
    """Return what a file has as it is: an object, or a list of them; raises `Unparsable`."""
    text = _text(path)
    try:
        if not is_json(text):
            return _yaml_value(text)
        scanner = _Scanner(text)
        found = scanner.value()
        scanner.expect_end()
        return found
    except RecursionError:
        raise Unparsable("is nested too deep") from None


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST:
            raise Unparsable(f"is larger than {LARGEST} bytes")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise Unparsable(str(error.strerror)) from None
    except UnicodeDecodeError:
        raise Unparsable("is not UTF-8") from None


def is_json(text: str) -> bool:
    """Whether a text is JSON rather than YAML."""
    return text.lstrip()[:1] in ("{", "[")


def _yaml(text: str) -> Iterator[Entry]:
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return
        if not isinstance(root, yaml.MappingNode):
            raise Unparsable("is no table of keys")
        for key_node, value_node in root.value:
            key = str(loader.construct_object(key_node, deep=True))
            nodes = value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]
            for node in nodes:
                value = loader.construct_object(node, deep=True)
                if value is not None:
                    yield key, node.start_mark.line + 1, value
    except yaml.YAMLError as error:
        raise _unparsable(error) from None
    finally:
        loader.dispose()


def _yaml_value(text: str) -> object:
    loader = _Loader(text)
    try:
        found: object = loader.get_single_data()
    except yaml.YAMLError as error:
        raise _unparsable(error) from None
    finally:
        loader.dispose()
    return found


def _unparsable(error: yaml.YAMLError) -> Unparsable:
    mark = getattr(error, "problem_mark", None)
    line = f"line {mark.line + 1}: " if mark else ""
    return Unparsable(f"{line}{getattr(error, 'problem', None) or 'is no YAML'}")


class _Scanner:
    """A JSON text, and how far it is read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.decoder = json.JSONDecoder()
        self.ends = [index for index, letter in enumerate(text) if letter == "\n"]

    def line(self) -> int:
        """Return the line of the next value."""
        return bisect_right(self.ends, self._next()) + 1

    def _next(self) -> int:
        """Pass what is blank, and return where it ends."""
        found = _BLANK.match(self.text, self.at)
        self.at = found.end() if found else self.at
        return self.at

    def take(self, letter: str) -> bool:
        """Pass a letter if it is the next one, and return whether it was."""
        if not self.text.startswith(letter, self._next()):
            return False
        self.at += 1
        return True

    def expect(self, letter: str) -> None:
        """Pass a letter; raises `Unparsable` if it is not the next one."""
        if not self.take(letter):
            raise Unparsable(f"line {self.line()}: expected {letter}")

    def expect_end(self) -> None:
        """Raise `Unparsable` if anything follows."""
        if self._next() != len(self.text):
            raise Unparsable(f"line {self.line()}: expected the end")

    def value(self) -> object:
        """Return the next value, and pass it."""
        try:
            found, self.at = self.decoder.raw_decode(self.text, self._next())
        except json.JSONDecodeError as error:
            line = bisect_right(self.ends, error.pos) + 1
            raise Unparsable(f"line {line}: {error.msg}") from None
        plain: object = found
        return plain


def _json(text: str) -> Iterator[Entry]:
    """Read an object of lists."""
    scanner = _Scanner(text)
    scanner.expect("{")
    if not scanner.take("}"):
        yield from _pairs(scanner)
    scanner.expect_end()


def _pairs(scanner: _Scanner) -> Iterator[Entry]:
    while True:
        key = scanner.value()
        scanner.expect(":")
        if scanner.take("["):
            yield from _entries(scanner, str(key))
        else:
            line = scanner.line()
            yield str(key), line, scanner.value()
        if not scanner.take(","):
            scanner.expect("}")
            return


def _entries(scanner: _Scanner, key: str) -> Iterator[Entry]:
    """Read the rest of a list."""
    if scanner.take("]"):
        return
    while True:
        line = scanner.line()
        yield key, line, scanner.value()
        if not scanner.take(","):
            scanner.expect("]")
            return
