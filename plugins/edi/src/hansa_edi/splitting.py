"""The parts of a segment: elements, repetitions and components, split and joined."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from hansa import TooLarge

from .segment import Element, Faults, Segment
from .settings import EdiSettings

_blank_rest = re.compile(r"[\r\n \t\x1a]*+\Z").match


def ends_at(text: str, position: int) -> bool:
    """Whether a text has nothing but blanks, line ends and marks of its end from a position on."""
    return _blank_rest(text, position) is not None


@dataclass(frozen=True, slots=True)
class Signs:
    """What separates the parts of a segment; `repetition` is empty where nothing is repeated."""

    element: str
    component: str
    repetition: str = ""

    def count(self, text: str) -> int:
        """Return how many of them a text has."""
        found = text.count(self.element) + text.count(self.component)
        return found + (text.count(self.repetition) if self.repetition else 0)

    def split(self, text: str) -> Segment:
        """Return the elements of a segment, the tag first."""
        return [self._element(part) for part in text.split(self.element)]

    def _element(self, text: str) -> Element:
        if self.repetition and self.repetition in text:
            return [one.split(self.component) for one in text.split(self.repetition)]
        if self.component in text:
            parts: list[str | list[str]] = []
            parts.extend(text.split(self.component))
            return parts
        return text


class SizeLimits:
    """Counts segments and separators of a message."""

    def __init__(self, config: EdiSettings) -> None:
        self._config = config
        self._separators = 0

    def take(self, text: str, number: int, signs: Signs) -> None:
        """Count a segment before it is split; raises `TooLarge`."""
        if number > self._config.max_segments:
            raise TooLarge(
                f"the message has more than {self._config.max_segments} segments "
                "(setting edi.max_segments)"
            )
        self._separators += signs.count(text)
        if self._separators > self._config.max_elements:
            raise TooLarge(
                f"the message has more than {self._config.max_elements} separators "
                "(setting edi.max_elements)"
            )


class SegmentWriter:
    """Writes the segments of one interchange; `faults` gets what cannot be written.

    `write_text` returns a text as it stands between separators, or None if it cannot stand there.
    """

    def __init__(
        self, signs: Signs, faults: Faults, write_text: Callable[[str], str | None]
    ) -> None:
        self._signs = signs
        self._faults = faults
        self._write_text = write_text

    def write(self, segment: Segment, path: str) -> str:
        """Return a segment without its terminator."""
        if not isinstance(segment, list):
            self._faults.add(path, "is no list")
            return ""
        written = []
        for number, element in enumerate(segment):
            written.append(self._element(element, path, number))
        return self._signs.element.join(written)

    def _element(self, element: Element, path: str, number: int) -> str:
        if isinstance(element, str):
            return self._text(element, path, number)
        if not _is_element(element):
            self._faults.add(f"{path}[{number}]", "is no text and no list of texts")
            return ""
        lists = [one for one in element if isinstance(one, list)]
        if not lists:
            return self._composite([one for one in element if isinstance(one, str)], path, number)
        if len(lists) < len(element):
            self._faults.add(f"{path}[{number}]", "has components and repetitions in one list")
        elif len(lists) > 1 and not self._signs.repetition:
            self._faults.add(
                f"{path}[{number}]", "is repeated, which this version of the syntax does not have"
            )
        return self._signs.repetition.join(self._composite(one, path, number) for one in lists)

    def _composite(self, components: list[str], path: str, number: int) -> str:
        return self._signs.component.join(self._text(one, path, number) for one in components)

    def _text(self, text: str, path: str, number: int) -> str:
        written = self._write_text(text)
        if written is None:
            self._faults.add(
                f"{path}[{number}]", "has a sign in it that separates parts of the interchange"
            )
            return ""
        return written


def _is_element(element: object) -> bool:
    """Whether a value that is no text is a composite, or an element that is repeated."""
    if not isinstance(element, list):
        return False
    for one in element:
        parts = one if isinstance(one, list) else [one]
        if not all(isinstance(part, str) for part in parts):
            return False
    return True
