"""The declaration: a model with typed settings, from which everything else about them is derived."""

from __future__ import annotations

import copy
import dataclasses
import functools
import inspect
import typing
from collections.abc import Callable, Collection, Iterator
from types import UnionType
from typing import Any, ClassVar, NoReturn, Union, dataclass_transform, get_args, get_origin
from weakref import WeakKeyDictionary

import msgspec


class Secret(str):
    """Text that is never shown: its repr is a mask, it is encrypted in the store, and left out of
    lists, logs and answers.
    """

    def __repr__(self) -> str:
        return "'********'"


class PassedObject:
    """Base of classes whose objects are passed to a service as they are, since no format can write
    them, such as uploaded files. A declared input may have members of them.

    `json_schema` describes their place in a message, `expected` names them in errors.
    """

    json_schema: ClassVar[dict[str, Any]] = {}
    expected: ClassVar[str] = "an object of the channel"


def setting(
    help: str,
    *,
    example: object = None,
    refers: str = "",
    path: bool = False,
    advanced: bool = False,
    multiline: bool = False,
    **bounds: Any,
) -> msgspec.Meta:
    """Describe one setting, inside `Annotated[type, setting(...)]`.

    `bounds` are those of `msgspec.Meta`: `ge`, `le`, `gt`, `lt` for numbers; `pattern` (a regular
    expression), `min_length` and `max_length` for texts and lists. `refers` names what the value
    must exist as: `service`, `format`, `security`, or a kind and type such as `outgoing http`;
    with `path`, a value with a slash in it is the path of a file instead. `advanced` and
    `multiline` say how forms show it. TypeError for an unknown bound.
    """
    marks = {
        "x-refers": refers,
        "x-path": path,
        "x-advanced": advanced,
        "x-multiline": multiline,
    }
    extra = {key: value for key, value in marks.items() if value} or None
    examples = None if example is None else [example]
    return msgspec.Meta(
        description=help, examples=examples, extra=extra, extra_json_schema=extra, **bounds
    )


class _NoDefault:
    """Hides the default of a field that a base class has from all who look for an attribute."""

    def __get__(self, instance: object, owner: type) -> NoReturn:
        raise AttributeError("it has no default")


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Model:
    """Base of every declaration: a frozen dataclass with keyword-only fields.

    A subclass is made one by being declared. A constructor call does not validate; `load` does.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]
    __initial__: ClassVar[dict[str, object]] = {}
    """The defaults of all fields by name, in their order; `...` where there is none, or a factory."""
    __factories__: ClassVar[dict[str, Callable[[], object]]] = {}
    """What makes the default of a field anew for each object."""
    __required__: ClassVar[frozenset[str]] = frozenset()
    """The fields without a default."""
    __beside__: ClassVar[str] = ""
    """As a section of channels: the setting that a channel must have to get it; empty for all."""

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        inherited = getattr(cls, "__dataclass_fields__", {})
        for name in inspect.get_annotations(cls):
            default = cls.__dict__.get(name)
            if name in inherited and name not in cls.__dict__:
                # declared again without a default: required, as type checkers read it
                setattr(cls, name, _NoDefault())
            # a factory also keeps a secret's default out of schemas
            if isinstance(default, list | dict | set | Secret | Model):
                factory = functools.partial(copy.copy, default)
                setattr(cls, name, dataclasses.field(default_factory=factory))
        # PERF: nothing is compiled for a model, neither the methods below nor those of a frozen
        # dataclass: the start of a worker that loads all plugins takes 1.19 instead of 1.52 s of
        # CPU time
        dataclasses.dataclass(init=False, repr=False, eq=False, kw_only=True)(cls)
        cls._note_defaults()

    @classmethod
    def _note_defaults(cls) -> None:
        """Note what a constructor call needs to know of the fields."""
        missing = dataclasses.MISSING
        declared = dataclasses.fields(cls)
        cls.__initial__ = {
            one.name: ... if one.default is missing else one.default for one in declared
        }
        cls.__factories__ = {
            one.name: one.default_factory for one in declared if one.default_factory is not missing
        }
        cls.__required__ = frozenset(
            one.name
            for one in declared
            if one.default is missing and one.default_factory is missing
        )

    def __init__(self, **values: Any) -> None:
        members = vars(self)
        members.update(self.__initial__)
        members.update(values)
        if len(members) > len(self.__initial__) or not self.__required__ <= values.keys():
            raise TypeError(_faults_of_call(type(self), values))
        for name, factory in self.__factories__.items():
            if name not in values:
                members[name] = factory()
        finish: Callable[[], object] | None = getattr(self, "__post_init__", None)
        if finish is not None:
            finish()

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> NoReturn:
        raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")

    def __repr__(self) -> str:
        values = (f"{name}={value!r}" for name, value in _members(self, "repr").items())
        return f"{type(self).__qualname__}({', '.join(values)})"

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return _members(self, "compare") == _members(other, "compare")

    def __hash__(self) -> int:
        return hash(tuple(_members(self, "compare").values()))

    def check(self) -> None:
        """Raise `Invalid` for rules across settings; `load` calls it once each is valid by itself."""

    @classmethod
    def upgrade(cls, old: dict[str, Any]) -> dict[str, Any]:
        """Return data that an older version stored in today's form; by default unchanged."""
        return old


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """What is known of one setting.

    `type` is its type without marks, `hint` with them; `default` is `...` if it is required;
    `refers` is what its value must exist as, or an empty string; with `path`, it may be the path of
    a file instead.
    """

    name: str
    type: Any
    help: str
    default: Any
    meta: msgspec.Meta | None
    hint: Any
    required: bool
    refers: str
    path: bool
    secret: bool


def _faults_of_call(model: type[Model], values: Collection[str]) -> str:
    """Return what is wrong with the names of the values that a model was called with."""
    faults = []
    for name in model.__initial__:
        if name in model.__required__ and name not in values:
            faults.append(f"missing a required keyword-only argument: {name!r}")
    for name in values:
        if name not in model.__initial__:
            faults.append(f"got an unexpected keyword argument {name!r}")
    return f"{model.__qualname__}() {', '.join(faults)}"


def _members(model: Model, role: str) -> dict[str, object]:
    """Return the values of a model that take part in its `repr`, or in how it is to `compare`."""
    declared = dataclasses.fields(model)
    return {one.name: getattr(model, one.name) for one in declared if getattr(one, role)}


# models of services that were deployed anew must be free to go, hence weak keys
_known_fields: WeakKeyDictionary[type, tuple[Field, ...]] = WeakKeyDictionary()


def fields(model: type[Model]) -> tuple[Field, ...]:
    """Return the settings of a model, in the order of their declaration."""
    known = _known_fields.get(model)
    if known is not None:
        return known
    hints = typing.get_type_hints(model, include_extras=True)
    found = [_field(one, hints[one.name]) for one in dataclasses.fields(model)]
    return _known_fields.setdefault(model, tuple(found))


def _field(declared: dataclasses.Field[object], hint: object) -> Field:
    meta = next(_marks(hint), None)
    extra = (meta.extra if meta else None) or {}
    default = _default(declared)
    return Field(
        name=declared.name,
        type=without_marks(hint),
        help=(meta.description if meta else None) or "",
        default=default,
        meta=meta,
        hint=hint,
        required=default is ...,
        refers=str(extra.get("x-refers", "")),
        path=bool(extra.get("x-path", False)),
        secret=_is_secret(hint),
    )


def _default(declared: dataclasses.Field[object]) -> object:
    """Return the default of a field, `...` if there is none."""
    if declared.default is not dataclasses.MISSING:
        return declared.default
    if declared.default_factory is not dataclasses.MISSING:
        return declared.default_factory()
    return ...


def _marks(hint: object) -> Iterator[msgspec.Meta]:
    """The marks on a type, or on one of the types it is a choice of."""
    for argument in get_args(hint):
        if isinstance(argument, msgspec.Meta):
            yield argument
        elif get_origin(hint) in (Union, UnionType):
            yield from _marks(argument)


def _is_secret(hint: object) -> bool:
    bare = without_marks(hint)
    choices = get_args(bare) or (bare,)
    return any(isinstance(one, type) and issubclass(one, Secret) for one in choices)


def without_marks(hint: object) -> Any:
    """Return a type without the marks of `Annotated`."""
    return get_args(hint)[0] if get_origin(hint) is typing.Annotated else hint


def values_of(model: Model) -> dict[str, Any]:
    """Return the values of a model's settings by name."""
    return {field.name: getattr(model, field.name) for field in fields(type(model))}
