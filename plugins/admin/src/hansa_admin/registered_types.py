"""The admin services of the registered types: `admin.type.{list,get}`."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import msgspec
from hansa import Definition, Model, RegisteredService, RegisteredType, fields, schema, setting

from .answers import PlainData
from .operation import Operation
from .rights import finality_of, right_of
from .schemas import component_of
from .settings import completed, secret_names

DIGITS = 32
"""Hexadecimal digits of a digest."""


class TypeFilter(Model):
    """Which types to list."""

    kind: Annotated[str, setting("Only types of this kind", example="channel")] = ""


class ListedType(Model):
    """A type in the list."""

    kind: Annotated[str, setting("Kind, such as channel")]
    type: Annotated[str, setting("Name of the type")]
    title: Annotated[str, setting("First sentence of its documentation")]
    plugin: Annotated[str, setting("Plugin that registers it")]
    actions: Annotated[list[str], setting("Actions on its definitions, such as ping")]


class ListedTypes(Model):
    """The registered types."""

    items: Annotated[list[ListedType], setting("Types, by kind and name")]
    total: Annotated[int, setting("Number of types")]


class TypeName(Model):
    """A type, and what the caller knows of it already."""

    kind: Annotated[str, setting("Kind of the type", example="channel", min_length=1)]
    type: Annotated[str, setting("Name of the type", example="http", min_length=1)]
    if_digest: Annotated[
        str, setting("Digest of the description that the caller has; it is not returned again")
    ] = ""


class TypeAction(Model):
    """What can be done with the definitions of a type."""

    action: Annotated[str, setting("Name of the action, such as ping")]
    service: Annotated[str, setting("Admin service of the action")]
    title: Annotated[str, setting("Description of the action in one sentence")]
    right: Annotated[str, setting("Right that callers need; empty if any caller may")]
    final: Annotated[
        str,
        setting(
            "Whether it is final, so that who logged in a while ago has to confirm it with the "
            "password: never, sometimes or always"
        ),
    ]


class Group(Model):
    """Settings that belong together."""

    name: Annotated[str, setting("Class that declares them, as x-group names it")]
    title: Annotated[str, setting("First sentence of the documentation of that class")]
    settings: Annotated[list[str], setting("Names of the settings, in their order")]


class DescribedType(Model):
    """All that a form needs to know of a type."""

    kind: Annotated[str, setting("Kind of the type")]
    type: Annotated[str, setting("Name of the type")]
    digest: Annotated[str, setting("Digest of this description")]
    unchanged: Annotated[
        bool, setting("Whether the caller has this description already; the rest is then left out")
    ] = False
    title: Annotated[str, setting("First sentence of its documentation")] = ""
    help: Annotated[str, setting("The whole documentation")] = ""
    plugin: Annotated[str, setting("Plugin that registers it")] = ""
    schema: Annotated[
        dict[str, Any],
        setting(
            "JSON Schema of its settings; in place of any of them there may be a reference such as "
            '{"$env": "NAME"}'
        ),
    ] = {}
    defaults: Annotated[
        dict[str, Any], setting("Defaults of settings that may be left out, secrets excepted")
    ] = {}
    required: Annotated[list[str], setting("Settings that must be given")] = []
    groups: Annotated[list[Group], setting("Settings by the class that declares them")] = []
    secrets: Annotated[list[str], setting("Settings that are never shown")] = []
    refers: Annotated[
        dict[str, str], setting("Settings that name something, with the kind that they name")
    ] = {}
    generates: Annotated[
        bool, setting("Whether settings that are left out are generated, such as a random key")
    ] = False
    actions: Annotated[list[TypeAction], setting("Actions on its definitions")] = []


class TypeList(Operation):
    """List the types of definitions that are installed, and what can be done with them."""

    name = "admin.type.list"
    right = "view"
    Input = TypeFilter
    Output = ListedTypes

    def handle(self) -> ListedTypes:
        """Return them."""
        asked: TypeFilter = self.request.input
        services = self.server.registry.services()
        items = [
            ListedType(
                kind=one.kind,
                type=one.type,
                title=first_sentence(one.cls),
                plugin=one.plugin,
                actions=[found.action for found in _actions(one, services)],
            )
            for one in self.server.registry.types(asked.kind)
        ]
        return ListedTypes(items=items, total=len(items))


class TypeGet(Operation):
    """Describe a type: the schema of its settings, their defaults and groups, and its actions."""

    name = "admin.type.get"
    right = "view"
    Input = TypeName
    Output = DescribedType

    def handle(self) -> DescribedType:
        """Return the description, or only its digest if the caller has it; raises `NotFound`."""
        asked: TypeName = self.request.input
        registered = self.server.registry.type(asked.kind, asked.type)
        found = _described(registered, self.server.registry.services())
        if found.digest != asked.if_digest:
            return found
        return DescribedType(kind=found.kind, type=found.type, digest=found.digest, unchanged=True)


def first_sentence(cls: type) -> str:
    """Return the first sentence of a class's docstring, without its full stop."""
    paragraph = inspect.cleandoc(cls.__doc__ or "").partition("\n\n")[0]
    sentence, _, _ = " ".join(paragraph.split()).partition(". ")
    return sentence.removesuffix(".")


def _described(registered: RegisteredType, services: Iterable[RegisteredService]) -> DescribedType:
    """Return the description of a type, with its digest."""
    model = registered.model
    whole = schema(model)
    settings = whole["$defs"][component_of(whole)]
    declared = fields(model)
    secrets = secret_names(model)
    required = [field.name for field in declared if field.required]
    defaults = {
        name: value
        for name, value in completed(model, {}).items()
        if name not in secrets and name not in required
    }
    found: PlainData = {
        "kind": registered.kind,
        "type": registered.type,
        "title": first_sentence(registered.cls),
        "help": inspect.cleandoc(registered.cls.__doc__ or ""),
        "plugin": registered.plugin,
        "schema": whole,
        "defaults": defaults,
        "required": required,
        "groups": list(_groups(settings)),
        "secrets": sorted(secrets),
        "refers": {field.name: field.refers for field in declared if field.refers},
        "generates": _generates(registered.cls),
        "actions": list(_actions(registered, services)),
    }
    text = msgspec.json.encode(found, order="sorted")
    return DescribedType(**found, digest=hashlib.sha256(text).hexdigest()[:DIGITS])


def _groups(settings: PlainData) -> Iterator[Group]:
    """Return the groups in the schema of a type's settings; else one without a name."""
    properties: dict[str, PlainData] = settings.get("properties", {})
    titles: dict[str, str] = settings.get("x-groups", {"": ""})
    for name, title in titles.items():
        members = [key for key, one in properties.items() if one.get("x-group", "") == name]
        yield Group(name=name, title=title, settings=members)


def _generates(cls: type[Definition]) -> bool:
    """Whether a type generates settings that are left out."""
    bases = [base for base in cls.__mro__ if base is not Definition]
    return any("generate" in vars(base) for base in bases)


def _actions(
    registered: RegisteredType, services: Iterable[RegisteredService]
) -> Iterator[TypeAction]:
    """Return the actions on the definitions of a type, those of its plugin's own among them."""
    prefix = ".".join(("admin", *registered.path)) + "."
    for service in services:
        action = service.name.removeprefix(prefix)
        if action == service.name or "." in action:
            continue
        yield TypeAction(
            action=action,
            service=service.name,
            title=first_sentence(service.cls),
            right=right_of(service.cls) or "",
            final=finality_of(service.cls),
        )


OPERATIONS: tuple[type[Operation], ...] = (TypeList, TypeGet)
