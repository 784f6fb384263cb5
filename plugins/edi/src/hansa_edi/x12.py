"""X12 (ASC X12.5): texts <-> interchanges, with the separators and the fixed widths of ISA."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hansa import Invalid

from .envelope import X12, EnvelopeReader, Plain, check_envelope, segments_of
from .interchange import X12Interchange, X12Separators
from .models import build, plain_of
from .segment import Faults, Segment, text_at
from .settings import EdiSettings
from .splitting import SegmentWriter, Signs, SizeLimits, ends_at

WIDTHS = (3, 2, 10, 2, 10, 2, 15, 2, 15, 6, 4, 1, 5, 9, 1, 1, 1)
"""The characters of the tag ISA, and of ISA01 to ISA16."""
PADDED = (2, 4, 6, 8)
"""Elements of ISA that are filled up with spaces."""
LONGEST_ISA = 400
"""Characters in which the elements of an ISA are looked for, even if they are too long."""
FIRST_WITH_REPETITION = "00402"
"""The version (ISA12) from which on ISA11 is the sign of repetition."""
_blank = re.compile(r"[\r\n\ufeff]*+")


def read_x12(raw: bytes, config: EdiSettings) -> list[Plain]:
    """Return the interchanges of a message; raises `Invalid` with all faults, and `TooLarge`."""
    charset = config.encoding or "utf-8"
    try:
        text = raw.decode(charset)
    except UnicodeError:
        raise Invalid(f"not valid {charset} (setting edi.encoding)") from None
    faults = Faults()
    reader = EnvelopeReader(X12, faults)
    scanner = _Scanner(text, config)
    while scanner.begins():
        for segment in scanner.segments():
            reader.add(segment, scanner.number)
        reader.found[-1]["separators"] = scanner.separators
    reader.end()
    faults.raise_all()
    if not reader.found:
        raise Invalid("there is no interchange: no ISA")
    return reader.found


class _Scanner:
    """Goes through a text, interchange by interchange."""

    def __init__(self, text: str, config: EdiSettings) -> None:
        self.number = 0
        self.separators: dict[str, str] = {}
        self._text = text
        self._position = 0
        self._limits = SizeLimits(config)

    def begins(self) -> bool:
        """Skip line ends; whether an interchange follows. Raises `Invalid` for anything else."""
        self._skip()
        if ends_at(self._text, self._position):
            return False
        if not self._text.startswith("ISA", self._position):
            raise Invalid(
                {f"segment {self.number + 1}": "is no ISA, with which an interchange begins"}
            )
        return True

    def segments(self) -> Iterator[Segment]:
        """Yield the segments of an interchange, up to its IEA or to the end of the text."""
        header, length = _read_header(self._text[self._position : self._position + LONGEST_ISA])
        self.number += 1
        self._position += length
        terminator = self._text[self._position - 1]
        signs = Signs(header[0][3], header[16], _repetition_of(header))
        header[0] = "ISA"
        self.separators = _named(signs, terminator)
        yield [*header]
        while True:
            self._skip()
            if ends_at(self._text, self._position):
                return
            self.number += 1
            end = self._text.find(terminator, self._position)
            if end < 0:
                raise Invalid({f"segment {self.number}": f"does not end with {terminator!r}"})
            body = self._text[self._position : end]
            self._position = end + 1
            self._limits.take(body, self.number, signs)
            segment = signs.split(body)
            yield segment
            if segment[0] == "IEA":
                return

    def _skip(self) -> None:
        blank = _blank.match(self._text, self._position)
        if blank is not None:
            self._position = blank.end()


def _read_header(text: str) -> tuple[list[str], int]:
    """Return ISA and its length with the terminator; the first item also has the separator after it.

    Raises `Invalid` with all elements that have another width than they must have.
    """
    sign = text[3:4]
    elements = text.split(sign, 16) if sign else []
    if len(elements) < len(WIDTHS) or len(elements[16]) < 2:
        raise Invalid({"ISA": "has not all of its 16 elements and a terminator"})
    elements[16], terminator = elements[16][0], elements[16][1]
    faults = {}
    for number, (element, width) in enumerate(zip(elements, WIDTHS, strict=True)):
        if len(element) != width:
            faults[f"ISA{number:02}"] = f"has {len(element)} characters, and not {width}"
    used = [sign, elements[16], terminator]
    repetition = _repetition_of(elements)
    used += [repetition] if repetition else []
    if len(set(used)) < len(used) or any(one.isalnum() or one == " " for one in used):
        faults["ISA"] = "its separators (ISA11, ISA16) and its terminator are not different signs"
    if faults:
        raise Invalid(faults)
    for number in PADDED:
        elements[number] = elements[number].rstrip(" ")
    elements[0] += sign
    return elements, sum(WIDTHS) + len(WIDTHS)


def _repetition_of(header: Segment | list[str]) -> str:
    """Return the sign of repetition; empty where ISA11 has another meaning."""
    version, sign = header[12], header[11]
    if not isinstance(version, str) or not isinstance(sign, str):
        return ""
    return sign if version >= FIRST_WITH_REPETITION and not sign.isalnum() else ""


def _named(signs: Signs, terminator: str) -> dict[str, str]:
    found = {"element": signs.element, "component": signs.component, "terminator": terminator}
    return {**found, "repetition": signs.repetition} if signs.repetition else found


def write_x12(value: list[object], config: EdiSettings) -> bytes:
    """Return interchanges with their trailers; raises `Invalid` with all faults, by their paths."""
    interchanges = build(list[X12Interchange], plain_of(value), unknown=True)
    if not interchanges:
        raise Invalid("there is no interchange")
    faults = Faults()
    written = []
    for number, interchange in enumerate(interchanges):
        data, path = plain_of(interchange), f"[{number}]."
        data["header"] = _padded(data["header"], interchange.separators, path, faults)
        check_envelope(data, X12, path, faults)
        written.append(_interchange(data, interchange.separators, path, config, faults))
    faults.raise_all()
    charset = config.encoding or "utf-8"
    try:
        return "".join(written).encode(charset)
    except UnicodeError:
        raise Invalid(f"it has characters that {charset} does not have") from None


def _interchange(
    data: Plain, separators: X12Separators, path: str, config: EdiSettings, faults: Faults
) -> str:
    repetition = _repetition_of(data["header"])
    signs = Signs(separators.element, separators.component, repetition)
    special = [signs.element, signs.component, separators.terminator, repetition]
    used = [one for one in special if one]
    if len(set(used)) < len(used) or any(one.isalnum() or one == " " for one in used):
        faults.add(f"{path}separators", "are not different signs")

    def text(given: str) -> str | None:
        return None if any(one in given for one in used) else given

    writer = SegmentWriter(signs, faults, text)
    lines = [signs.element.join(data["header"])]
    for segment, place in segments_of(data, X12):
        if place != "header":
            lines.append(writer.write(segment, path + place))
    return "".join(line + separators.terminator + config.line_end for line in lines)


def _padded(header: Segment, separators: X12Separators, path: str, faults: Faults) -> list[str]:
    """Return ISA with its fixed widths; ISA11 and ISA16 are the separators where they are empty."""
    given = [text_at(header, number) for number in range(len(WIDTHS))]
    place = f"{path}header"
    if len(header) > len(WIDTHS) or not all(isinstance(one, str) for one in header):
        faults.add(place, "ISA has 16 elements, which are texts")
    given[16] = given[16] or separators.component
    given[13] = given[13].zfill(WIDTHS[13]) if given[13].isdigit() else given[13]
    if given[12] >= FIRST_WITH_REPETITION:
        given[11] = given[11] or separators.repetition
    for number in PADDED:
        given[number] = given[number].ljust(WIDTHS[number])
    for number, (element, width) in enumerate(zip(given, WIDTHS, strict=True)):
        if len(element) != width:
            faults.add(f"{place}[{number}]", f"has {len(element)} characters, and not {width}")
        elif separators.element in element or separators.terminator in element:
            faults.add(f"{place}[{number}]", "has a separator in it")
    if given[16] != separators.component:
        faults.add(f"{place}[16]", "is not the separator of components")
    sign = _repetition_of(given)
    if sign and sign != separators.repetition:
        faults.add(f"{place}[11]", "is not the sign of repetition")
    return given
