"""Reads the table of Zato's names: subjects, each with its rows."""

from __future__ import annotations

import importlib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Annotated, Final, Literal

from hansa import Invalid, Model, load, setting

Status = Literal["works", "differs", "not"]
PROVIDERS: Final = ("hansa_zato.administration.table", "hansa_zato.compatibility.objects")
"""Modules with further subjects, made from what they declare, in their `SUBJECTS`."""


class Entry(Model):
    """What a file says of one name; a name about which it says nothing more works."""

    since: Annotated[str, setting("The first version of Zato that has it")] = "2.0"
    differs: Annotated[str, setting("In what it differs")] = ""
    missing: Annotated[str, setting("Why it is not there")] = ""
    trial: Annotated[
        str, setting("Source that a service runs: an expression that is true, or statements")
    ] = ""
    proof: Annotated[
        str,
        setting(
            "The test file that shows it, where a trial does not; FILE::TEST where the file does not "
            "have the name in it"
        ),
    ] = ""


class SubjectFile(Model):
    """One file of the table."""

    order: Annotated[int, setting("The place of the subject on the page")]
    title: Annotated[str, setting("What the names are of")]
    note: Annotated[str, setting("What is said before the table")] = ""
    modules: Annotated[
        dict[str, list[str]], setting("Names that can be imported, by the module they are in")
    ] = field(default_factory=dict)
    names: Annotated[dict[str, Entry], setting("What is said of each name")] = field(
        default_factory=dict
    )


@dataclass(frozen=True)
class Row:
    """One name of Zato: whether it works here, and if it does not quite, why."""

    name: str
    subject: str
    since: str
    status: Status
    why: str = ""
    trial: str = ""
    proof: str = ""


@dataclass(frozen=True)
class Subject:
    """Names that belong together, under a title."""

    order: int
    title: str
    note: str
    rows: tuple[Row, ...]


def rows() -> Iterator[Row]:
    """Return the rows of all subjects."""
    for subject in subjects():
        yield from subject.rows


@cache
def subjects() -> tuple[Subject, ...]:
    """Return all subjects in their order."""
    found = [_read(file.name, file.read_text("utf-8")) for file in _files()]
    for module in PROVIDERS:
        found.extend(importlib.import_module(module).SUBJECTS)
    return tuple(sorted(found, key=lambda each: each.order))


def _files() -> list[resources.abc.Traversable]:
    folder = resources.files(__package__)
    return [file for file in folder.iterdir() if file.name.endswith(".toml")]


def _read(file: str, text: str) -> Subject:
    """Return the subject of a file; raises `Invalid` with all its faults."""
    try:
        found = load(SubjectFile, tomllib.loads(text))
    except Invalid as invalid:
        raise Invalid({f"{file}: {key}": fault for key, fault in invalid.errors.items()}) from None
    made = [*_imports(found.title, found.modules)]
    made += [_row(name, found.title, entry) for name, entry in found.names.items()]
    return Subject(found.order, found.title, found.note, tuple(made))


def _imports(title: str, modules: Mapping[str, list[str]]) -> Iterator[Row]:
    for module, names in modules.items():
        for name in names:
            trial = f"from {module} import {name}"
            yield Row(f"{module}.{name}", title, "", "works", trial=trial)


def _row(name: str, title: str, entry: Entry) -> Row:
    status: Status = "not" if entry.missing else "differs" if entry.differs else "works"
    why = entry.missing or entry.differs
    return Row(name, title, entry.since, status, why, entry.trial, entry.proof)
