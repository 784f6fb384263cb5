"""The settings of a definition as exports and plans have them: complete, or without defaults."""

from __future__ import annotations

from typing import Any

import msgspec
from hansa import Model, PlainSettings, decode_hook, dump, fields, has_reference, learn


def completed(model: type[Model], data: PlainSettings) -> PlainSettings:
    """Return settings with defaults filled in and values in plain form, to be compared."""
    found: PlainSettings = {}
    for field in fields(model):
        if field.name in data:
            found[field.name] = _plain(field.hint, data[field.name])
        elif not field.required:
            found[field.name] = dump(field.default, str)
        else:
            found[field.name] = None
    return found


def _plain(hint: Any, value: object) -> object:
    """Return a value as it is read and written again: a part of it that was left out is filled in."""
    if has_reference(value):
        return value
    try:
        read = msgspec.convert(value, learn(hint), strict=False, dec_hook=decode_hook)
    except (msgspec.ValidationError, ValueError):
        return value  # a fault that validation reports; compared as it is
    plain: object = dump(read, str)
    return plain


def shortened(model: type[Model], data: PlainSettings) -> PlainSettings:
    """Return settings without those that are as by default, sorted by name.

    Kept are those that the model does not declare: the section of a plugin that is not loaded is
    there once it is.
    """
    whole = completed(model, data)
    required = {field.name for field in fields(model) if field.required}
    defaults = completed(model, {})
    found = {name: value for name, value in data.items() if name not in whole}
    for name, value in whole.items():
        if name in required or value != defaults[name]:
            found[name] = value
    return dict(sorted(found.items()))


def secret_names(model: type[Model]) -> set[str]:
    """Return the names of the settings that are secret, at the top level."""
    return {field.name for field in fields(model) if field.secret}
