"""An edit on its way into the store: what was found out about it, and what speaks against it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from ..contract.records import Edit, Key, PlainSettings, Reference
from ..foundation.errors import HansaError, Invalid
from ..settings.model import Model, fields

_NAME = re.compile(r"[^\x00-\x1f\x7f/\ud800-\udfff]{1,200}")
NAME_RULE = "must have 1 to 200 characters, none of them / or a control character"

Problems: TypeAlias = dict[Key, list[HansaError]]
"""What speaks against the edits of definitions, by definition."""


@dataclass(frozen=True, slots=True)
class CheckedEdit:
    """An edit with its data as stored, what it refers to and claims, and its own faults; `acyclic` if
    definitions of its kind must not refer to each other in a circle.
    """

    edit: Edit
    references: frozenset[Reference] = frozenset()
    claims: tuple[str, ...] = ()
    errors: tuple[HansaError, ...] = ()
    acyclic: bool = False

    @property
    def key(self) -> Key:
        """Kind, type and name of the definition."""
        return self.edit.key

    @property
    def deletes(self) -> bool:
        """Whether it deletes the definition."""
        return self.edit.data is None


def is_name(text: str) -> bool:
    """Whether a definition may have this name."""
    return _NAME.fullmatch(text) is not None


def merged(model: type[Model], old: PlainSettings, new: PlainSettings) -> PlainSettings:
    """Return the given settings over the stored ones; a section is merged setting by setting."""
    found = {**old, **new}
    for field in fields(model):
        before = old.get(field.name)
        given = new.get(field.name)
        is_section = isinstance(field.type, type) and issubclass(field.type, Model)
        if is_section and isinstance(before, dict) and isinstance(given, dict):
            found[field.name] = {**before, **given}
    return found


def combined(errors: Iterable[HansaError]) -> HansaError:
    """Return one error for all errors of an edit; one that is not about settings goes first."""
    faults: dict[str, str] = {}
    for error in errors:
        if not isinstance(error, Invalid):
            return error
        faults.update(error.errors)
    return Invalid(faults)


def faults_by_path(problems: Mapping[Key, Iterable[HansaError]]) -> dict[str, str]:
    """Return everything that speaks against edits by `kind.type.name.setting`."""
    faults: dict[str, str] = {}
    for key, errors in problems.items():
        for error in errors:
            found = error.errors if isinstance(error, Invalid) else {"": error.detail}
            for setting, fault in found.items():
                faults[".".join((*key, setting)).rstrip(".")] = fault
    return faults
