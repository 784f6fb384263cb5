"""The names that fields refer to, such as those of services and security definitions, to choose
from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..api import ApiError, JsonObject
from ..visit import Panel, Visit
from .fields import FormField

MOST_CHOICES = 50
"""Names that are a list to select from; more are suggestions beside a field."""
MOST_NAMES = 200
"""Names that are suggested at most."""
MOST_FILES = 10_000
MOST_CALLS = 3
"""Calls of the API that a form makes for names."""


@dataclass(frozen=True)
class Names:
    """Names to choose from; with `is_all`, there are no others."""

    names: list[str]
    is_all: bool

    @property
    def is_selection(self) -> bool:
        """Whether they are few, and all there are."""
        return self.is_all and len(self.names) <= MOST_CHOICES


@dataclass(frozen=True)
class Choices:
    """The names for the fields of a form and the types of which the user may make a new one, by what
    they refer to; and what could not be asked for.
    """

    names: Mapping[str, Names]
    new: Mapping[str, Sequence[str]] = field(default_factory=dict)
    errors: list[ApiError] = field(default_factory=list)

    def of(self, one: FormField) -> Names | None:
        """Return the names to choose from for a field; None if any text will do, or none is known."""
        found = self.names.get(one.refers)
        return found if found is not None and found.names else None

    def new_of(self, one: FormField) -> Sequence[str]:
        """Return the types of which a field may be given a new definition."""
        return self.new.get(one.refers, ())


def new_types(visit: Visit, refers: str) -> list[str]:
    """Return the types of what a field refers to of which the user may make a new definition; of
    services, the word itself.
    """
    kind, _, wanted = refers.partition(" ")
    if kind == "service":
        return [kind] if visit.may("admin.service.deploy") else []
    return [
        one.type
        for one in visit.catalogue.types(visit.access, kind)
        if kind and wanted in ("", one.type) and visit.may(one.service("create"))
    ]


def choices_of(visit: Visit, fields: Iterable[FormField]) -> Choices:
    """Return the names for the fields of a form, by one call for each kind that they refer to."""
    refers = sorted({name for one in fields for name in _refers_of(one)})
    kinds = list(dict.fromkeys(each.partition(" ")[0] for each in refers))
    calls = {kind: _call(kind) for kind in kinds if kind != "format"}
    asked = {kind: call for kind, call in calls.items() if visit.may(call[0])}
    panels = visit.panels(**dict(list(asked.items())[:MOST_CALLS]))
    errors = [panel.fault for panel in panels.values() if panel.fault is not None]
    names: dict[str, Names] = {}
    for each in refers:
        kind, _, type = each.partition(" ")
        if kind in panels and panels[kind].error is None:
            names[each] = (
                _services(panels[kind]) if kind == "service" else _named(panels[kind], type)
            )
    return Choices(names, {each: new_types(visit, each) for each in refers}, errors)


def _refers_of(one: FormField) -> set[str]:
    """Return what a field, or a field of its objects, refers to."""
    inner = one.inner(f"{one.path}[0]")
    found = {name for each in inner for name in _refers_of(each)}
    return found | {one.refers} if one.refers else found


def _call(kind: str) -> tuple[str, JsonObject]:
    """Return the admin service that has the names of a kind, and its input."""
    if kind == "service":
        return "admin.service.packages", {"limit": MOST_FILES}
    return "admin.definition.list", {"kind": kind, "limit": MOST_NAMES}


def _services(panel: Panel) -> Names:
    """Return the deployed services; those of plugins are seldom meant, and may be typed in."""
    found = {name for file in panel.data["items"] for name in file["services"]}
    return Names(sorted(found)[:MOST_NAMES], is_all=False)


def _named(panel: Panel, type: str) -> Names:
    """Return the names of definitions, of one type unless that is empty."""
    items = panel.data["items"]
    found = {str(one["name"]) for one in items if type in ("", one["type"])}
    return Names(sorted(found), is_all=panel.data["total"] <= len(items))
