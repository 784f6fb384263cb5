"""The admin services of every registered type, `admin.KIND.TYPE.ACTION`, derived from the settings that its class declares."""

from __future__ import annotations

import dataclasses
import functools
import logging
import typing
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import msgspec
from hansa import Model, fields, setting

from .definitions import (
    Changed,
    Create,
    Created,
    Delete,
    Edit,
    Get,
    List,
    Named,
    OnType,
    Ping,
    Ran,
    Result,
    Run,
    Seen,
    Shown,
    Test,
)

log = logging.getLogger("hansa.admin")

ACTIONS: tuple[type[OnType], ...] = (Create, Edit, Delete, Get, List, Ping, Test, Run)


def _optional(model: type[Model], base: type[Model], name: str) -> type[Model]:
    """A model with the settings of `model`, each of which may be left out."""
    hints = typing.get_type_hints(model, include_extras=True)
    names = [field.name for field in dataclasses.fields(model)]
    space: dict[str, Any] = dict.fromkeys(names, msgspec.UNSET)
    space["__annotations__"] = {each: hints[each] | msgspec.UnsetType for each in names}
    return type(name, (base,), {**space, "__module__": __name__})


class Later:
    """A class attribute that is made when it is first looked at: models are asked for by the description of the API alone."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = functools.cache(make)

    def __get__(self, instance: Any, owner: Any) -> Any:
        return self.make()


def _operation(
    action: type[OnType], kind: str, type_: str, known: Any, definition: Later
) -> type[OnType]:
    """One admin service: the action, bound to one type, with its own input and output."""
    title = _title(kind, type_) + action.__name__
    help = (action.__doc__ or "").partition("\n")[0].replace("this type", f"{kind} {type_}")
    space: dict[str, Any] = {
        "of_kind": kind,
        "of_type": type_,
        "of_class": known.cls,
        "model": known.model,
    }
    space |= {"name": f"admin.{kind}.{type_}.{action.__name__.lower()}", "abstract": False}
    space |= {"__doc__": help, "__module__": __name__, "Output": OUTPUTS.get(action, definition)}
    if action is Create:
        space["Input"] = Later(
            lambda: type(title + "Input", (known.model, Named), {"__module__": __name__})
        )
    elif action.takes_settings:
        space["Input"] = Later(lambda: _optional(known.model, action.own, title + "Input"))
    if action is List:
        space["Output"] = Later(lambda: _page(definition.make(), title + "Output"))
    return type(title, (action,), space)


OUTPUTS: dict[type[OnType], type[Model]] = {
    Create: Created,
    Edit: Changed,
    Delete: Changed,
    Ping: Result,
    Test: Result,
    Run: Ran,
}


def _title(kind: str, type_: str) -> str:
    return "".join(part.title() for part in (kind, *type_.split("-")))


def _definition(kind: str, type_: str, model: type[Model]) -> Later:
    """The model of what is shown of a definition."""
    space = {"__module__": __name__, "__doc__": model.__doc__}
    return Later(lambda: type(_title(kind, type_) + "Definition", (model, Shown), space))


def _page(definition: type[Model], name: str) -> type[Model]:
    """The model of a list of definitions."""
    items = {
        "items": Annotated[list[definition], setting("The definitions, by name")],  # type: ignore[valid-type]
        "total": Annotated[int, setting("How many there are, on all pages")],
    }
    return type(name, (Model,), {"__annotations__": items, "__module__": __name__})


def operations(registry: Any) -> Iterator[type[OnType]]:
    """All admin services for all types that have definitions; a type with a reserved setting name is left out and logged."""
    reserved = {field.name for model in (Seen, Shown) for field in fields(model)}
    for known in registry.types():
        kind, type_ = known.kind, known.type
        taken = reserved & {field.name for field in fields(known.model)}
        if taken:
            log.error(
                "%s %s of plugin %s has no admin services: its setting %s has a reserved name",
                kind,
                type_,
                known.plugin,
                taken,
            )
            continue
        definition = _definition(kind, type_, known.model)
        for action in ACTIONS:
            if action is not Run or callable(getattr(known.cls, "run", None)):
                yield _operation(action, kind, type_, known, definition)
