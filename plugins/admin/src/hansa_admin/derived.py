"""The admin services of every registered type, derived from the settings that it declares."""

from __future__ import annotations

import dataclasses
import functools
import logging
import typing
from collections.abc import Callable, Iterator
from typing import Annotated, TypeAlias

import msgspec
from hansa import Channel, Model, Outgoing, RegisteredType, Registry, Security, setting

from .answers import (
    Changed,
    Created,
    Named,
    PlannedRuns,
    PreviewedRuns,
    Ran,
    Result,
    Seen,
    Settled,
    Shown,
    ShownChannel,
    ShownPlanned,
    ShownUsed,
)
from .definitions import (
    Create,
    Delete,
    Edit,
    Get,
    List,
    Next,
    Preview,
    Release,
    Run,
    TypeOperation,
    is_planned,
    is_runnable,
    is_used,
)
from .rights import Authorizing, Finality, Right
from .trials import Ping, Test

log = logging.getLogger("hansa.admin")

ModelMaker: TypeAlias = Callable[[], type[Model]]

ACTIONS: tuple[type[TypeOperation], ...] = (
    Create,
    Edit,
    Delete,
    Get,
    List,
    Ping,
    Test,
    Run,
    Next,
    Preview,
    Release,
)
OUTPUTS: dict[type[TypeOperation], type[Model]] = {
    Create: Created,
    Edit: Settled,
    Delete: Changed,
    Release: Settled,
    Ping: Result,
    Test: Result,
    Run: Ran,
    Next: PlannedRuns,
    Preview: PreviewedRuns,
}
# PERF: names alone, since types that nobody asks for are not resolved: each worker starts with
# 0.1 s of CPU time less
RESERVED = {field.name for model in (Seen, Shown) for field in dataclasses.fields(model)}


class ModelOnDemand:
    """A class attribute made when it is first read: only the description of the API does so."""

    def __init__(self, make: ModelMaker) -> None:
        self.make = functools.cache(make)

    def __get__(self, instance: object, owner: type) -> type[Model]:
        return self.make()


def operations(registry: Registry) -> Iterator[type[TypeOperation]]:
    """Return the admin services of all types; one with a reserved setting name is left out, logged."""
    for registered in registry.types():
        taken = RESERVED & {field.name for field in dataclasses.fields(registered.model)}
        if taken:
            log.error(
                "%s %s of plugin %s has no admin services: the names of its settings %s are reserved",
                registered.kind,
                registered.type,
                registered.plugin,
                ", ".join(sorted(taken)),
            )
            continue
        for action in ACTIONS:
            if _has(registered, action):
                yield _operation(action, registered)


def _has(registered: RegisteredType, action: type[TypeOperation]) -> bool:
    """Whether an action makes sense for a type."""
    if action is Run:
        return is_runnable(registered.cls)
    if action in (Next, Preview):
        return is_planned(registered.cls)
    return True


def _operation(action: type[TypeOperation], registered: RegisteredType) -> type[TypeOperation]:
    """Return one admin service: the action, bound to one type, with its own input and output."""
    title = _title(registered) + action.__name__
    first_line = (action.__doc__ or "").partition("\n")[0]
    namespace: dict[str, object] = {
        "__doc__": first_line.replace("this type", " ".join(registered.path)),
        "__module__": __name__,
        "abstract": False,
        "name": ".".join(("admin", *registered.path, action.__name__.lower())),
        "of": registered,
        "right": _right(action, registered),
        "final": _finality(action, registered),
        "Output": _output(action, registered),
    }
    if action.takes_settings:
        namespace["Input"] = ModelOnDemand(lambda: _input(action, registered, f"{title}Input"))
    return type(title, (action,), namespace)


def _right(action: type[TypeOperation], registered: RegisteredType) -> Right | None:
    """Return what callers of an action on a type must be allowed."""
    if action.right == "develop" and issubclass(registered.cls, Authorizing):
        return "administer"
    return action.right


def _finality(action: type[TypeOperation], registered: RegisteredType) -> Finality:
    """Return whether an action on a type is final: those that change who may do what, or how
    callers prove who they are, which depends on whose credential it is; and those by which what is
    final is called, or such a credential is presented.
    """
    is_edit = action in (Create, Edit, Delete)
    if issubclass(registered.cls, Authorizing):
        return "always" if is_edit else "never"
    if issubclass(registered.cls, Security):
        return "sometimes" if is_edit else "never"
    uses_others = issubclass(registered.cls, Channel | Outgoing)
    return "sometimes" if uses_others and action in (Create, Edit, Test) else "never"


def _title(registered: RegisteredType) -> str:
    words = "-".join(registered.path).split("-")
    return "".join(word.title() for word in words)


def _input(action: type[TypeOperation], registered: RegisteredType, name: str) -> type[Model]:
    """Return the model of the input of an action that takes the settings of a definition."""
    if action is Create:
        return type(name, (registered.model, Named), {"__module__": __name__})
    return _optional(registered.model, action.own, name)


def _optional(model: type[Model], base: type[Model], name: str) -> type[Model]:
    """Return a model with the settings of `model`, each of which may be left out."""
    hints = typing.get_type_hints(model, include_extras=True)
    names = [field.name for field in dataclasses.fields(model)]
    namespace: dict[str, object] = dict.fromkeys(names, msgspec.UNSET)
    namespace["__annotations__"] = {each: hints[each] | msgspec.UnsetType for each in names}
    namespace["__module__"] = __name__
    return type(name, (base,), namespace)


def _output(action: type[TypeOperation], registered: RegisteredType) -> type[Model] | ModelOnDemand:
    if action in OUTPUTS:
        return OUTPUTS[action]
    definition = _definition(registered)
    if action is List:
        name = f"{_title(registered)}ListOutput"
        return ModelOnDemand(lambda: _page(definition.make(), name))
    return definition


@functools.lru_cache(maxsize=1)
def _definition(registered: RegisteredType) -> ModelOnDemand:
    """Return the model of what is shown of a definition, the same one for all actions on its type."""
    namespace = {"__module__": __name__, "__doc__": registered.model.__doc__}
    name = f"{_title(registered)}Definition"
    shown: list[type[Model]] = [Shown]
    if is_planned(registered.cls):
        shown.insert(0, ShownPlanned)
    if is_used(registered.cls):
        shown.insert(0, ShownUsed)
    if issubclass(registered.cls, Channel):
        shown.insert(0, ShownChannel)
    return ModelOnDemand(lambda: type(name, (registered.model, *shown), namespace))


def _page(definition: type[Model], name: str) -> type[Model]:
    """Return the model of a list of definitions."""
    found: object = list[definition]  # type: ignore[valid-type]  # a model made at run time
    fields = {
        "items": Annotated[found, setting("Definitions, by name")],
        "total": Annotated[int, setting("Number of definitions on all pages")],
    }
    return type(name, (Model,), {"__annotations__": fields, "__module__": __name__})
