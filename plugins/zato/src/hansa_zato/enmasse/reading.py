"""Reads a file of enmasse, with its includes: objects, their form, and what is wrong with the file."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ..mapping import MAPPINGS, NO_SECURITY, NOT_CARRIED, Generation, by_section, security_types
from ..mapping.pubsub import SUBSCRIPTION, by_topic
from ..mapping.references import SECURITY_KEYS
from .findings import Finding, ZatoObject
from .parsing import Entry, Unparsable, is_json, parse, parse_include

INCLUDE: Final = "file://"
MOST_FILES: Final = 1_000
"""Files that one file may include, with those that they include."""
DEEPEST: Final = 20
"""How deep whole files may include others."""
WHOLE_FILES: Final = "include"
"""The key of minimal files under which they name others, whose objects are added to theirs."""

_MINIMAL: Final = {mapping.minimal.partition(".")[0] for mapping in MAPPINGS if mapping.minimal}
_FULL: Final = {mapping.section for mapping in MAPPINGS} | {"http_soap"}
_ONLY_MINIMAL: Final = frozenset({*(_MINIMAL - _FULL), "groups", "security"})
_MERGED: Final = {
    ("channel", "plain_http"): "channel_plain_http",
    ("channel", "soap"): "channel_soap",
    ("outgoing", "plain_http"): "outconn_plain_http",
    ("outgoing", "soap"): "outconn_soap",
}
"""The key of an object of the merged form `http_soap`, by its connection and transport."""


@dataclass
class Document:
    """What a file has, with its includes."""

    objects: list[ZatoObject] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    generation: Generation = "2.0"
    files: list[Path] = field(default_factory=list)


@dataclass
class _Includes:
    """The files that are read so far, all of them below the folder of the first one."""

    folder: Path
    seen: set[Path]
    depth: int = 0


def read(path: Path) -> Document:
    """Return the objects of a file; what cannot be read is among its findings."""
    document = Document(files=[path])
    try:
        entries = parse(path)
        json_text = is_json(path.read_text(encoding="utf-8-sig"))
    except Unparsable as why:
        document.findings.append(Finding("E03", str(why), file=str(path)))
        return document
    included = _Includes(path.parent.resolve(), {path.resolve()})
    _read_entries(document, path, entries, included)
    document.generation = _generation(document, json_text=json_text)
    return document


def _read_entries(
    document: Document, path: Path, entries: list[Entry], included: _Includes
) -> None:
    for section, line, value in entries:
        if section == WHOLE_FILES and isinstance(value, str):
            _read_whole(document, ZatoObject(section, {}, path, line), value, included)
        elif isinstance(value, str) and value.startswith(INCLUDE):
            place = ZatoObject(section, {}, path, line)
            for found, at, file in _include(document, place, value, included):
                _add(document, section, found, file, at)
        else:
            _add(document, section, value, path, line)


def _read_whole(document: Document, place: ZatoObject, named: str, included: _Includes) -> None:
    """Read another file of this form, as minimal files name them under `include`."""
    file = _found(document, place, named, included)
    if file is None:
        return
    if included.depth == DEEPEST:
        why = f"{named!r} is included by the last of {DEEPEST} files that include each other"
        document.findings.append(place.finding("E02", why))
        return
    included.depth += 1
    try:
        _read_entries(document, file, parse(file), included)
    except Unparsable as why:
        document.findings.append(Finding("E03", str(why), place.section, file=str(file)))
    included.depth -= 1


def _found(document: Document, place: ZatoObject, named: str, included: _Includes) -> Path | None:
    """Return the file that is included; None, and a finding, if it is not there, or was before."""
    try:
        file = (place.file.parent / named).resolve()
        is_there = file.is_file()
    except (OSError, ValueError):  # its name is too long, or has a null
        file, is_there = included.folder, False
    code, why = "", ""
    if file in included.seen:
        code, why = "E01", f"{named!r} is included before"
    elif not file.is_relative_to(included.folder):
        # what others have written must not read all that its reader may
        code, why = "E02", f"{named!r} is outside of {included.folder}: copy it into this folder"
    elif not is_there:
        code, why = "E02", f"there is no file {named!r}"
    elif len(included.seen) > MOST_FILES:
        code, why = "E02", f"{named!r} is one of more than {MOST_FILES} files"
    if code:
        document.findings.append(place.finding(code, why))
        return None
    included.seen.add(file)
    document.files.append(file)
    return file


def _include(
    document: Document, place: ZatoObject, value: str, included: _Includes
) -> list[tuple[object, int, Path]]:
    """Return what an include has: one object, or a list of them, and where."""
    file = _found(document, place, value.removeprefix(INCLUDE), included)
    if file is None:
        return []
    try:
        found = parse_include(file)
    except Unparsable as why:
        document.findings.append(Finding("E03", str(why), place.section, file=str(file)))
        return []
    return [(one, 1, file) for one in (found if isinstance(found, list) else [found])]


def _add(document: Document, section: str, value: object, file: Path, line: int) -> None:
    """Add an object under the key that mappings have for it."""
    if not isinstance(value, dict):
        place = ZatoObject(section, {}, file, line)
        document.findings.append(place.finding("E03", "is neither an object nor an include"))
        return
    item = {str(key): inner for key, inner in value.items()}
    found = ZatoObject(section, item, file, line)
    if not isinstance(item.get("name", ""), str | int | float | datetime.date | None):
        nameless = ZatoObject(section, {}, file, line)
        document.findings.append(nameless.finding("E04", "is not a text", "name"))
        return
    if section == "http_soap":
        merged = _MERGED.get((str(item.get("connection")), str(item.get("transport"))))
        if merged is None:
            document.findings.append(
                found.finding("E08", "is no channel or outgoing, plain_http or soap", "connection")
            )
            return
        found = ZatoObject(merged, item, file, line)
    elif section == "zato_generic_connection":
        found = ZatoObject(_generic(item), item, file, line)
    elif section == "zato_cache_builtin":
        found = ZatoObject("cache_builtin", item, file, line)
    elif section == "web_socket":
        found = ZatoObject("channel_web_socket", item, file, line)
    elif section in _SECURITY:
        found = ZatoObject("def_sec", {**item, "type": section}, file, line)
    if section == SUBSCRIPTION:
        subscribed = by_topic(item)
        document.objects += [ZatoObject(section, one, file, line) for one in subscribed]
        return
    document.objects.append(found)


_SECURITY: Final = frozenset(
    {
        *security_types(),
        *(key.partition(".")[2] for key in NOT_CARRIED if key.startswith("def_sec.")),
    }
)


def _generic(item: dict[str, object]) -> str:
    """Return the key of a connection of 3.x, which has its type beside its name."""
    type = str(item.get("type_") or item.get("type") or "").replace("-", "_")
    return type.removeprefix("cloud_")


def _generation(document: Document, *, json_text: bool) -> Generation:
    sections = {one.section for one in document.objects}
    if sections & _ONLY_MINIMAL:
        return "minimal"
    named = any(
        "security_name" in one.item for one in document.objects if one.section in _MERGED.values()
    )
    return "2.0" if json_text and not named else "3.x"


def missing_definitions(document: Document) -> list[Finding]:
    """Return which definitions objects of a file name that are not in it themselves."""
    there = {(one.section, one.name) for one in document.objects}
    security = {name for section, name in there if section in ("def_sec", "security")}
    found = []
    for one in document.objects:
        mapping = by_section(one.section, one.security_type)
        base = mapping.base if mapping is not None else None
        named = next((one.item[key] for key in base.keys if one.item.get(key)), "") if base else ""
        if base is not None and (base.zato, named) not in there:
            found.append(one.finding("W02", f"there is no {base.zato} {named!r}", base.keys[0]))
        for key in SECURITY_KEYS:
            name = one.item.get(key) or NO_SECURITY
            if name != NO_SECURITY and name not in security:
                found.append(one.finding("W02", f"there is no definition {name!r}", key))
    return found
