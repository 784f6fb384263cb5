"""Settings: one typed declaration, from which validation, JSON Schema, storage, forms, options and documents are derived."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import functools
import inspect
import os
import re
import threading
import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Any, ClassVar, TypeVar, Union, dataclass_transform, get_args, get_origin
from weakref import WeakKeyDictionary, WeakSet

import msgspec

from ..foundation.errors import Invalid, did_you_mean

T = TypeVar("T")
_PATH = re.compile(r"^(?P<fault>.*?)(?: - at `\$(?P<path>.*)`)?$", re.S)
_KEY_PATH = re.compile(r"^(?P<fault>.*) - at `key` in `\$(?P<path>.*)`$", re.S)


class Secret(str):
    """Text that is never shown: its repr is a mask, it is encrypted in the store and left out of lists, logs and answers."""

    def __repr__(self) -> str:
        return "'********'"


def setting(
    help: str,
    *,
    example: Any = None,
    refers: str = "",
    advanced: bool = False,
    multiline: bool = False,
    **bounds: Any,
) -> msgspec.Meta:
    """Describe one setting, inside `Annotated[type, setting(...)]`.

    `bounds` are those of `msgspec.Meta`: `ge`, `le`, `gt`, `lt` for numbers; `pattern` (a regular expression), `min_length` and
    `max_length` for texts and lists. `refers` names what the value must exist as: `service`, `format`, `security`, or a kind
    and type such as `outgoing http`; `advanced` and `multiline` tell forms how to show it. TypeError for an unknown bound.
    """
    marks = {"x-refers": refers, "x-advanced": advanced, "x-multiline": multiline}
    extra = {key: value for key, value in marks.items() if value} or None
    examples = None if example is None else [example]
    return msgspec.Meta(
        description=help, examples=examples, extra=extra, extra_json_schema=extra, **bounds
    )


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Model:
    """Base of every declaration: a frozen dataclass with keyword-only fields, made one by being subclassed.

    A constructor call does not validate; `load` does.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name in inspect.get_annotations(cls):
            default = cls.__dict__.get(name)
            # a factory also keeps a secret's default out of schemas
            if isinstance(default, list | dict | set | Secret):
                setattr(
                    cls,
                    name,
                    dataclasses.field(default_factory=functools.partial(copy.copy, default)),
                )
        dataclasses.dataclass(frozen=True, kw_only=True)(cls)

    def check(self) -> None:
        """Raise `Invalid` for rules across settings; called by `load` after each field is valid by itself."""

    @classmethod
    def upgrade(cls, old: dict[str, Any]) -> dict[str, Any]:
        """Turn stored data of an older version into today's; by default unchanged."""
        return old


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """What is known of one setting: name, type without and `hint` with marks, help, default (`...` if required).

    `refers` is what the value must exist as, or an empty string.
    """

    name: str
    type: Any
    help: str
    default: Any
    meta: msgspec.Meta | None
    hint: Any
    required: bool
    refers: str
    secret: bool


# models of services that were deployed anew must be free to go, hence weak keys
_known_fields: WeakKeyDictionary[type, tuple[Field, ...]] = WeakKeyDictionary()


def _marks(hint: Any) -> Iterator[msgspec.Meta]:
    """The marks on a type, or on one of the types it is a choice of."""
    for argument in get_args(hint):
        if isinstance(argument, msgspec.Meta):
            yield argument
        elif get_origin(hint) in (Union, UnionType):
            yield from _marks(argument)


def fields(model: type[Model]) -> tuple[Field, ...]:
    """The settings of a model, in the order of their declaration."""
    if (known := _known_fields.get(model)) is not None:
        return known
    hints = typing.get_type_hints(model, include_extras=True)
    found = []
    for field in dataclasses.fields(model):
        hint = hints[field.name]
        meta = next(_marks(hint), None)
        default = field.default
        if default is dataclasses.MISSING:
            default = (
                ... if field.default_factory is dataclasses.MISSING else field.default_factory()
            )
        help, extra = (meta.description or "", meta.extra or {}) if meta else ("", {})
        secret = any(
            isinstance(t, type) and issubclass(t, Secret)
            for t in (get_args(_bare(hint)) or (_bare(hint),))
        )
        required, refers = default is ..., str(extra.get("x-refers", ""))
        found.append(
            Field(field.name, _bare(hint), help, default, meta, hint, required, refers, secret)
        )
    return _known_fields.setdefault(model, tuple(found))


def decode_hook(kind: Any, value: Any) -> Any:
    """Let msgspec build a `Secret`, from text only."""
    if isinstance(kind, type) and issubclass(kind, Secret):
        if not isinstance(value, str):
            raise ValueError(f"Expected `str`, got `{type(value).__name__}`")
        return kind(value)
    raise NotImplementedError(f"no way to read a {kind}")


def schema_hook(kind: Any) -> dict[str, Any]:
    """JSON Schema of a `Secret`."""
    if isinstance(kind, type) and issubclass(kind, Secret):
        return {"type": "string", "format": "password", "writeOnly": True}
    raise NotImplementedError(f"no schema for {kind}")


def schema(model: Any) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a type."""
    return msgspec.json.schema(model, schema_hook=schema_hook)


def _unknown(data: Any, hint: Any, path: str, faults: dict[str, str]) -> None:
    """Collect keys that a model does not declare, at every depth."""
    for inner, name, value in _parts(data, hint):
        if inner is None:
            faults[_below(path, name)] = "unknown setting" + did_you_mean(name, value)
        elif isinstance(value, Mapping | list | tuple):
            _unknown(value, inner, _below(path, name), faults)


def _bare(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is typing.Annotated else hint


def _below(path: str, name: str) -> str:
    return f"{path}{name}" if name[:1] == "[" or not path else f"{path}.{name}"


def _collect(data: Any, hint: Any, path: str, faults: dict[str, str], strict: bool) -> None:
    """Find every fault of a value, going down into models, lists and dicts."""
    before = len(faults)
    for inner, name, value in _parts(data, hint):
        here = _below(path, name)
        if value is ...:
            faults[here] = "required, and missing"
        elif inner is not None:
            _collect(value, inner, here, faults, strict)
    if len(faults) > before:
        return
    try:
        msgspec.convert(data, hint, strict=strict, dec_hook=decode_hook)
    except (msgspec.ValidationError, ValueError, RecursionError) as error:
        text = str(error)
        match = _KEY_PATH.match(text) or _PATH.match(text)
        assert match is not None
        faults[(path + (match["path"] or "")).lstrip(".")] = match["fault"] or text


def _parts(data: Any, hint: Any) -> Iterator[tuple[Any, str, Any]]:
    """The declared type, name and value of each part of a value; `...` stands for a required one that is missing.

    A setting that is not declared has no type, and for its value the names of those that are.
    """
    hint = _bare(hint)
    origin, arguments = get_origin(hint), get_args(hint)
    if isinstance(data, Mapping):
        if isinstance(hint, type) and issubclass(hint, Model):
            known = {field.name: field for field in fields(hint)}
            for name, field in known.items():
                if name in data or field.required:
                    yield field.hint, name, data.get(name, ...)
            yield from ((None, str(key), known) for key in data if key not in known)
        elif origin is dict:
            yield from ((arguments[1], str(key) or "[]", value) for key, value in data.items())
    elif origin in (list, set, frozenset) and isinstance(data, list | tuple):
        yield from ((arguments[0], f"[{index}]", value) for index, value in enumerate(data))
    if origin in (Union, UnionType):
        for argument in arguments:
            yield from _parts(data, argument)


def explain(data: Any, model: Any, *, strict: bool = True, unknown: bool = False) -> Invalid | None:
    """All faults of `data` as one `Invalid`, or None when it fits; `unknown=True` also faults undeclared keys."""
    faults: dict[str, str] = {}
    if isinstance(model, type) and issubclass(model, Model) and not isinstance(data, Mapping):
        return Invalid(f"expected an object, got {type(data).__name__}")
    try:
        _collect(data, model, "", faults, strict)
        if unknown:
            _unknown(data, model, "", faults)
    except RecursionError:
        return Invalid("nested too deeply")
    return Invalid(faults) if faults else None


def _values(model: Model) -> dict[str, Any]:
    return {field.name: getattr(model, field.name) for field in fields(type(model))}


def _check(value: Any, path: str, faults: dict[str, str]) -> None:
    """Run `check` of a model and of the models inside it."""
    parts = _values(value) if isinstance(value, Model) else value if isinstance(value, dict) else {}
    if isinstance(value, list | tuple):
        parts = {f"[{index}]": item for index, item in enumerate(value)}
    for name, item in parts.items():
        if isinstance(item, Model | list | tuple | dict):
            _check(item, _below(path, str(name)), faults)
    if isinstance(value, Model):
        try:
            value.check()
        except Invalid as invalid:
            faults.update(
                {_below(path, name).strip("."): fault for name, fault in invalid.errors.items()}
            )


_learned: WeakSet[Any] = WeakSet()
_learning = threading.Lock()


def learn(hint: T) -> T:
    """Give a type back once msgspec knows it: threads that have it look at one for the first time at once crash the process."""
    if hint not in _learned:
        with _learning:
            msgspec.json.Decoder(hint)
            with contextlib.suppress(
                TypeError
            ):  # a union is learned each time: nothing weak can refer to it
                _learned.add(hint)
    return hint


def load(model: type[T], data: Any, *, strict: bool = True, unknown: bool = True) -> T:
    """Build a model, or any other type, from plain data, validated.

    `strict=False` also converts text to numbers and booleans (query strings, command lines); `unknown=False` ignores keys
    that are not declared. Raises `Invalid` with every fault at once.
    """
    try:
        value = msgspec.convert(data, learn(model), strict=strict, dec_hook=decode_hook)
    except (msgspec.ValidationError, ValueError, RecursionError) as error:
        raise explain(data, model, strict=strict, unknown=unknown) or Invalid(str(error)) from None
    faults: dict[str, str] = {}
    try:
        if unknown:
            _unknown(data, model, "", faults)
        _check(value, "", faults)
    except RecursionError:
        raise Invalid("nested too deeply") from None
    if faults:
        raise Invalid(faults)
    return value


def dump(value: Any, secret: Callable[[Secret], Any] | None = None) -> Any:
    """Plain, JSON-able data of a model; secrets are left out, or replaced by what `secret` makes of each."""
    if isinstance(value, Model):
        items = _values(value).items()
        return {
            name: dump(item, secret)
            for name, item in items
            if secret or not isinstance(item, Secret)
        }
    if isinstance(value, Secret):
        return secret(value) if secret else None
    if isinstance(value, list | tuple | set | frozenset):
        return [dump(item, secret) for item in value]
    if isinstance(value, dict):
        return {key: dump(item, secret) for key, item in value.items()}
    return msgspec.to_builtins(value)


def resolve(data: Any, special: Callable[[str, Any], Any] | None = None) -> Any:
    """Replace references anywhere in plain data: `{"$env": NAME}`, `{"$file": PATH}`, and `{"$other": x}` by `special`.

    A file's content loses its last line end. Raises `Invalid` with all that is missing, by path.
    """
    try:
        return _resolve(data, special)
    except RecursionError:
        raise Invalid("nested too deeply") from None


def _resolve(data: Any, special: Callable[[str, Any], Any] | None) -> Any:
    if isinstance(data, dict) and len(data) == 1:
        (key, value), *_ = data.items()
        if key in ("$env", "$file"):
            return _read(key, value)
        if isinstance(key, str) and key.startswith("$") and special is not None:
            return special(key, value)
    if not isinstance(data, dict | list):
        return data
    found: dict[Any, Any] = {}
    faults: dict[str, str] = {}
    for key, item in data.items() if isinstance(data, dict) else enumerate(data):
        try:
            found[key] = _resolve(item, special)
        except Invalid as invalid:
            name = f"{key}" if isinstance(data, dict) else f"[{key}]"
            faults |= {
                _below(name, inner).rstrip("."): fault for inner, fault in invalid.errors.items()
            }
    if faults:
        raise Invalid(faults)
    return found if isinstance(data, dict) else list(found.values())


def _read(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise Invalid(f"{key} takes a text, not {type(value).__name__}")
    try:
        return os.environ[value] if key == "$env" else Path(value).read_text().removesuffix("\n")
    except KeyError:
        raise Invalid(f"the environment variable {value} is not set") from None
    except (OSError, ValueError) as error:
        raise Invalid(f"cannot read {value}: {getattr(error, 'strerror', None) or error}") from None
