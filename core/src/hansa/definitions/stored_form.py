"""Settings as they are stored: references as given, secrets encrypted, the rest as it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from ..contract.records import PlainSettings
from ..foundation.errors import Invalid
from ..odb.keys import ENCRYPTED
from ..settings.faults import path_below
from ..settings.model import Model, fields
from ..settings.resolve import is_reference, resolve
from ..settings.validate import dump

Encrypt: TypeAlias = Callable[[str], object]
Resolve: TypeAlias = Callable[[str, object], str]
"""Returns the value behind a reference, of its name with the `$` and what it holds."""


def is_looked_up(value: object) -> bool:
    """Whether plain data has references that are looked up, stored secrets not included."""
    if isinstance(value, dict):
        if is_reference(value):
            return ENCRYPTED not in value
        return any(is_looked_up(item) for item in value.values())
    return isinstance(value, list) and any(is_looked_up(item) for item in value)


def refers_to(value: object, reference: str, held: object) -> bool:
    """Whether plain data has the reference `{"$reference": held}` anywhere inside."""
    if isinstance(value, dict):
        if is_reference(value):
            return value == {f"${reference}": held}
        return any(refers_to(item, reference, held) for item in value.values())
    return isinstance(value, list) and any(refers_to(item, reference, held) for item in value)


def resolve_all(value: object, special: Resolve, faults: dict[str, str], path: str = "") -> object:
    """Return plain data, references resolved; one that cannot be becomes "" and a fault by path."""
    if is_reference(value):
        try:
            found: object = resolve(value, special)
        except Invalid as invalid:
            faults[path] = invalid.detail
            return ""
        return found
    if isinstance(value, dict):
        return {
            key: resolve_all(item, special, faults, path_below(path, str(key)))
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [
            resolve_all(item, special, faults, path_below(path, f"[{index}]"))
            for index, item in enumerate(value)
        ]
    return value


def stored_settings(
    given: PlainSettings, prepared: Model, loaded: Model, encrypt: Encrypt
) -> PlainSettings:
    """Return what is stored of the given settings, which were `loaded` and then `prepared` by their
    type.

    Defaults are left out, unless the type has prepared something else.
    """
    found: PlainSettings = {}
    for field in fields(type(prepared)):
        new = getattr(prepared, field.name)
        old = getattr(loaded, field.name)
        if field.name in given or new != old:
            found[field.name] = _stored(given.get(field.name), new, old, encrypt)
    return found


def _stored(given: object, new: object, old: object, encrypt: Encrypt) -> object:
    """Return what is stored of a value: it was `given`, read as `old`, and prepared as `new`."""
    if isinstance(given, dict):
        if is_reference(given) and (new == old or ENCRYPTED not in given):
            return given
        if isinstance(new, Model) and isinstance(old, Model):
            return stored_settings(given, new, old, encrypt)
        if isinstance(new, dict) and isinstance(old, dict):
            return {
                key: _stored(given.get(key), value, old.get(key), encrypt)
                for key, value in new.items()
            }
    if isinstance(given, list) and isinstance(new, list) and isinstance(old, list):
        return _stored_items(given, new, old, encrypt)
    stored: object = dump(new, encrypt)
    return stored


def _stored_items(
    given: list[object], new: list[object], old: list[object], encrypt: Encrypt
) -> list[object]:
    if not len(given) == len(new) == len(old):
        return [dump(item, encrypt) for item in new]
    parts = zip(given, new, old, strict=True)
    return [_stored(*each, encrypt) for each in parts]
