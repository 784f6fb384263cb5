"""EDIFACT (ISO 9735): texts <-> interchanges, with the separators of UNA and release characters."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from hansa import Invalid

from .envelope import EDIFACT, EnvelopeReader, Plain, check_envelope, segments_of
from .interchange import EdifactInterchange, EdifactSeparators
from .models import build, plain_of
from .segment import Element, Faults, Segment, text_at
from .settings import EdiSettings
from .splitting import SegmentWriter, Signs, SizeLimits, ends_at

CHARSETS = {
    "UNOA": "ascii",
    "UNOB": "ascii",
    "UNOC": "iso8859-1",
    "UNOD": "iso8859-2",
    "UNOE": "iso8859-5",
    "UNOF": "iso8859-7",
    "UNOG": "iso8859-3",
    "UNOH": "iso8859-4",
    "UNOI": "iso8859-6",
    "UNOJ": "iso8859-8",
    "UNOK": "iso8859-9",
    "UNOL": "iso8859-15",
    "UNOW": "utf-8",
    "UNOY": "utf-8",
}
"""Python's codecs by the syntax identifiers (0001) of interchanges."""
_NAMES = ("component", "element", "decimal", "release", "repetition", "terminator")
_DEFAULT = EdifactSeparators()
_HIDDEN = [chr(0xFDD0 + number) for number in range(8)]
"""Noncharacters, which no text has (Unicode, 23.7): they stand for released signs while a segment is
split.
"""
_has_hidden = re.compile("[\ufdd0-\ufdd7]").search
_blank = re.compile(r"[\r\n\ufeff]*+")


def read_edifact(raw: bytes, config: EdiSettings) -> list[Plain]:
    """Return the interchanges of a message; raises `Invalid` with all faults, and `TooLarge`."""
    charset = config.encoding or _charset_of_start(raw)
    try:
        text = raw.decode(charset)
    except UnicodeError:
        raise Invalid(f"not valid {charset}, the charset of the interchange") from None
    if _has_hidden(text):
        raise Invalid("there are code points in it that are no characters")
    faults = Faults()
    reader = EnvelopeReader(EDIFACT, faults)
    scanner = _Scanner(text, config)
    while scanner.begins():
        for segment in scanner.segments():
            reader.add(segment, scanner.number)
            if segment[0] == "UNB" and not config.encoding:
                _check_charset(segment, charset, faults)
        if scanner.una is not None and reader.found:
            reader.found[-1]["separators"] = scanner.una
    reader.end()
    faults.raise_all()
    if not reader.found:
        raise Invalid("there is no interchange: no UNB")
    return reader.found


def _charset_of_start(raw: bytes) -> str:
    """Return the charset that the first UNB names."""
    found = re.search(rb"UNB[^A-Za-z0-9]([A-Z0-9]{4})", raw[:100])
    name = found[1].decode() if found else ""
    if name and name not in CHARSETS:
        raise Invalid(f"the charset of the syntax {name} is not known (setting edi.encoding)")
    return CHARSETS.get(name, "ascii")


def _check_charset(header: Segment, charset: str, faults: Faults) -> None:
    if CHARSETS.get(text_at(header, 1)) != charset:
        name = text_at(header, 1)
        faults.add("UNB", f"the syntax {name!r} has another charset than the message, {charset}")


class _Scanner:
    """Goes through a text, segment by segment."""

    def __init__(self, text: str, config: EdiSettings) -> None:
        self.number = 0
        self.una: dict[str, str] | None = None
        self._text = text
        self._position = 0
        self._limits = SizeLimits(config)

    def begins(self) -> bool:
        """Skip line ends, and UNA, which it notes; whether anything follows."""
        self._skip()
        self.una = None
        if self._text.startswith("UNA", self._position):
            signs = self._text[self._position + 3 : self._position + 9]
            if len(signs) < len(_NAMES):
                raise Invalid("UNA has not all of its six characters")
            self.una = dict(zip(_NAMES, signs, strict=True))
            _check_signs(EdifactSeparators(**self.una))
            self._position += 9
        return not ends_at(self._text, self._position)

    def segments(self) -> Iterator[Segment]:
        """Yield segments up to the end of the interchange, or of the text."""
        separators = EdifactSeparators(**self.una) if self.una else _DEFAULT
        signs = _signs_of(separators, "")
        match_segment = _segment_pattern(separators).match
        while True:
            self._skip()
            if ends_at(self._text, self._position):
                return
            found = match_segment(self._text, self._position)
            self.number += 1
            if found is None:
                fault = f"does not end with {separators.terminator!r}"
                raise Invalid({f"segment {self.number}": fault})
            self._position = found.end()
            segment = self._split(found[1], separators, signs)
            if segment[0] == "UNB":
                signs = _signs_of(separators, text_at(segment, 1, 2))
            yield segment
            if segment[0] == "UNZ":
                return

    def _skip(self) -> None:
        blank = _blank.match(self._text, self._position)
        if blank is not None:
            self._position = blank.end()

    def _split(self, text: str, separators: EdifactSeparators, signs: Signs) -> Segment:
        self._limits.take(text, self.number, signs)
        release = separators.release
        if release == " " or release not in text:
            return signs.split(text)
        hidden = dict(zip(_special(separators, signs), _HIDDEN, strict=False))
        pattern = re.compile(re.escape(release) + "(.)", re.S)
        split = signs.split(pattern.sub(lambda one: hidden.get(one[1], one[1]), text))
        shown = str.maketrans({code: sign for sign, code in hidden.items()})
        return [_shown(element, shown) for element in split]


def _shown(element: Element, table: dict[int, str]) -> Element:
    """Return an element with its released signs in place of what stood for them."""
    if isinstance(element, str):
        return element.translate(table)
    found: list[str | list[str]] = []
    for one in element:
        if isinstance(one, str):
            found.append(one.translate(table))
        else:
            found.append([part.translate(table) for part in one])
    return found


def _segment_pattern(separators: EdifactSeparators) -> re.Pattern[str]:
    """Return what matches a segment with its terminator, in time that grows as its length."""
    end = re.escape(separators.terminator)
    if separators.release == " ":
        return re.compile(f"([^{end}]*+){end}")
    release = re.escape(separators.release)
    return re.compile(f"((?:[^{end}{release}]++|{release}.)*+){end}", re.S)


def _signs_of(separators: EdifactSeparators, version: str) -> Signs:
    """Return what separates parts; elements are repeated from version 4 of the syntax on."""
    repetition = ""
    if version.isascii() and version.isdigit() and int(version[:3]) >= 4:
        repetition = separators.repetition if separators.repetition != " " else "*"
    return Signs(separators.element, separators.component, repetition)


def _special(separators: EdifactSeparators, signs: Signs) -> list[str]:
    """Return the signs that have to be released in a text."""
    found = [separators.release, separators.terminator, signs.element, signs.component]
    return [*found, signs.repetition] if signs.repetition else found


def _check_signs(separators: EdifactSeparators) -> None:
    """Refuse separators by which nothing can be read; raises `Invalid`."""
    used = [separators.component, separators.element, separators.terminator]
    used += [one for one in (separators.release, separators.repetition) if one != " "]
    if len(set(used)) < len(used) or any(one.isalnum() or one == " " for one in used):
        raise Invalid({"UNA": "the separators are not different signs"})


def write_edifact(value: list[object], config: EdiSettings) -> bytes:
    """Return interchanges with their trailers; raises `Invalid` with all faults, by their paths."""
    interchanges = build(list[EdifactInterchange], plain_of(value), unknown=True)
    if not interchanges:
        raise Invalid("there is no interchange")
    faults = Faults()
    written = []
    for number, interchange in enumerate(interchanges):
        path = f"[{number}]."
        data = plain_of(interchange)
        check_envelope(data, EDIFACT, path, faults)
        written.append(_interchange(data, interchange.separators, path, config, faults))
    faults.raise_all()
    names = {text_at(one.header, 1) for one in interchanges}
    charsets = {config.encoding or CHARSETS.get(name, "") for name in names}
    if len(charsets) > 1 or "" in charsets:
        known = ", ".join(sorted(names))
        raise Invalid(
            f"the syntax {known} has not one charset that is known (setting edi.encoding)"
        )
    [charset] = charsets
    try:
        return "".join(written).encode(charset)
    except UnicodeError:
        raise Invalid(f"it has characters that {charset} does not have") from None


def _interchange(
    data: Plain,
    una: EdifactSeparators | None,
    path: str,
    config: EdiSettings,
    faults: Faults,
) -> str:
    separators = una or _DEFAULT
    signs = _signs_of(separators, text_at(data["header"], 1, 2))
    try:
        _check_signs(separators)
    except Invalid:
        faults.add(f"{path}separators", "are not different signs")
        return ""
    writer = SegmentWriter(signs, faults, _releasing(separators, signs))
    lines = []
    if una is not None:
        lines.append("UNA" + "".join(getattr(separators, name) for name in _NAMES))
    for segment, place in segments_of(data, EDIFACT):
        lines.append(writer.write(segment, path + place) + separators.terminator)
    return "".join(line + config.line_end for line in lines)


def _releasing(separators: EdifactSeparators, signs: Signs) -> Callable[[str], str | None]:
    """Return what writes a text with release characters; without one, a text has no signs."""
    special = _special(separators, signs)
    if separators.release == " ":
        special.remove(" ")
        return lambda text: None if any(one in text for one in special) else text
    table = str.maketrans({one: separators.release + one for one in special})
    return lambda text: text.translate(table)
