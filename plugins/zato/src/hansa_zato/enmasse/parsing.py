"""Reads the text of one file, JSON or YAML: the entries under each of its keys, with their lines."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import yaml

LARGEST: Final = 16 * 1024 * 1024
"""Bytes that one file may have."""

MOST_DIGITS: Final = 1_000
"""Digits that one whole number may have."""
NO_SUCH_VALUE: Final = "has a number or a date that does not exist"

_BLANK: Final = re.compile(r"[ \t\n\r]*")


class Unparsable(ValueError):
    """Why a file cannot be read, in words."""


class _Loader(yaml.SafeLoader):
    """Reads plain data, without aliases: few lines of them may stand for more than memory holds."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]
            line = event.start_mark.line + 1 if event.start_mark else 0
            raise Unparsable(f"line {line}: has an alias; a text that begins with * needs quotes")
        return super().compose_node(parent, index)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """Return a whole number; raises `ValueError` for one that cannot be written again."""
        found: int = super().construct_yaml_int(node)
        if found.bit_length() > 3 * MOST_DIGITS:
            raise ValueError
        return found

    def value(self, node: yaml.Node) -> object:
        """Return what a node stands for; raises `Unparsable`."""
        line = node.start_mark.line + 1
        try:
            found: object = self.construct_object(node, deep=True)
        except yaml.constructor.ConstructorError as error:
            mark = error.problem_mark or node.start_mark
            # a library's text would quote it, and it may be a password
            why = "has a tag; a text that begins with ! needs quotes"
            raise Unparsable(f"line {mark.line + 1}: {why}") from None
        except (ValueError, OverflowError):
            raise Unparsable(f"line {line}: {NO_SUCH_VALUE}") from None
        return found


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)


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
    with _loading(text) as loader:
        root = loader.get_single_node()
        if root is None:
            return
        if not isinstance(root, yaml.MappingNode):
            raise Unparsable("is no table of keys")
        for key_node, value_node in root.value:
            key = str(loader.value(key_node))
            nodes = value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]
            for node in nodes:
                value = loader.value(node)
                if value is not None:
                    yield key, node.start_mark.line + 1, value


def _yaml_value(text: str) -> object:
    with _loading(text) as loader:
        root = loader.get_single_node()
        return None if root is None else loader.value(root)


@contextmanager
def _loading(text: str) -> Iterator[_Loader]:
    """Return a loader of a text; raises `Unparsable` for what the library refuses meanwhile."""
    try:
        loader = _Loader(text)
        try:
            yield loader
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise _unparsable(error) from None


def _unparsable(error: yaml.YAMLError) -> Unparsable:
    mark = getattr(error, "problem_mark", None)
    line = f"line {mark.line + 1}: " if mark else ""
    return Unparsable(
        f"{line}{getattr(error, 'problem', None) or getattr(error, 'reason', 'is no YAML')}"
    )


def _integer(text: str) -> int:
    """Return a whole number; raises `ValueError` for one of too many digits, and for NaN."""
    if len(text) > MOST_DIGITS:
        raise ValueError
    return int(text)


class _Scanner:
    """A JSON text, and how far it is read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.decoder = json.JSONDecoder(parse_int=_integer, parse_constant=_integer)
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
        except ValueError:
            raise Unparsable(f"line {self.line()}: {NO_SUCH_VALUE}") from None
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
