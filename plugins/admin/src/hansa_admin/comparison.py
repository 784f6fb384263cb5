"""How the definitions and sources of two clusters differ, by object and setting; of secrets only whether
they do.

One cluster describes itself in a document, with marks in place of secrets; another one compares that with
its own. Defaults are part of it, since versions of a plugin may differ in them.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from hansa import DefinitionRecord, Invalid, Key, Model, NotFound, PlainSettings, Server

from .answers import PlainData
from .export import SERVICES, kind_order, package_of, shorten, sources
from .plan import MASK
from .settings import completed, secret_names

MARK = "$mark"
"""The key of what stands for a secret: the same for the same secret."""
HASH = "$hash"
"""The key of what stands for a password that is stored as a hash, or a secret that cannot be read: if
it differs, the secret need not.
"""
HASHED = "hashed:"
"""What the mark of such a password begins with."""
MOST_LINES = 400
"""Lines of the difference of a package that are told."""
CONTEXT = 3

Result: TypeAlias = Literal["differs", "unknown"]
ObjectResult: TypeAlias = Literal["differs", "unknown", "only_here", "only_there"]


@dataclass(frozen=True)
class ComparedSetting:
    """A setting that differs, or of which that cannot be told; values of secrets are masked."""

    here: object
    there: object
    secret: bool
    result: Result


@dataclass(frozen=True)
class ComparedObject:
    """A definition, or a package of the kind `service`, that differs; `source` are the lines of a
    unified diff, from there to here.
    """

    result: ObjectResult
    kind: str
    type: str
    name: str
    settings: dict[str, ComparedSetting] = field(default_factory=dict)
    source: list[str] = field(default_factory=list)


# -- a cluster as a document -----------------------------------------------------------------------


def described(server: Server, salt: bytes, *, services: bool) -> PlainData:
    """Return the definitions of a cluster, without those that come with plugins, as another cluster
    compares them: `definitions` and `defaults` by kind and type, `services` by file.
    """
    found: PlainData = {"definitions": {}, "defaults": {}}
    for record in server.definitions.all():
        if record.builtin:
            continue
        model = _model(server, record.kind, record.type)
        settings = _marked(server, record, model, salt)
        types = found["definitions"].setdefault(record.kind, {})
        types.setdefault(record.type, {})[record.name] = settings
        if model is not None:
            defaults = found["defaults"].setdefault(record.kind, {})
            if record.type not in defaults:
                defaults[record.type] = completed(model, {})
    if services:
        found[SERVICES] = sources(server)
    return found


def _model(server: Server, kind: str, type: str) -> type[Model] | None:
    try:
        return server.registry.type(kind, type).model
    except NotFound:
        return None


def _marked(
    server: Server, record: DefinitionRecord, model: type[Model] | None, salt: bytes
) -> PlainSettings:
    settings = shorten(server, record)
    marked = server.definitions.comparable(settings, salt)
    secrets = set() if model is None else secret_names(model)
    return {
        name: _without_secrets(value, marked[name], salt, is_secret=name in secrets)
        for name, value in settings.items()
    }


def _without_secrets(value: object, marked: Any, salt: bytes, *, is_secret: bool) -> object:
    """Return a value with what stands for secrets, at any depth."""
    if isinstance(value, dict):
        if "$encrypted" in value:
            mark = marked["$encrypted"]
            if marked == value:
                return _hashed(mark, salt)  # none of our keys can read it
            return {HASH if mark.startswith(HASHED) else MARK: mark}
        return {
            key: _without_secrets(inner, marked[key], salt, is_secret=False)
            for key, inner in value.items()
        }
    if is_secret and value is not None:
        return _hashed(str(value), salt)
    if isinstance(value, list):
        return [
            _without_secrets(inner, mark, salt, is_secret=False)
            for inner, mark in zip(value, marked, strict=True)
        ]
    return value


def _hashed(text: str, salt: bytes) -> PlainSettings:
    return {HASH: hashlib.sha256(salt + text.encode()).hexdigest()}


# -- two documents ---------------------------------------------------------------------------------


def compared(here: PlainData, there: PlainData) -> tuple[list[ComparedObject], int]:
    """Return what differs between two documents, in the order of kinds, and the number of objects
    that are the same. Raises `Invalid` for what is no such document.
    """
    ours = _objects(here)
    theirs = _objects(there)
    found: list[ComparedObject] = []
    for key in sorted({*ours, *theirs}, key=lambda key: (kind_order(key[0]), key)):
        one = _compared_object(key, ours.get(key), theirs.get(key))
        if one is not None:
            found.append(one)
    packages = list(_compared_packages(here, there))
    return [*found, *packages], len({*ours, *theirs}) - len(found) + _same_packages(here, there)


@dataclass(frozen=True)
class _Object:
    settings: PlainSettings
    defaults: PlainSettings

    @property
    def whole(self) -> PlainSettings:
        return {**self.defaults, **self.settings}


def _objects(document: PlainData) -> dict[Key, _Object]:
    found: dict[Key, _Object] = {}
    try:
        defaults = document.get("defaults", {})
        for kind, types in document["definitions"].items():
            for type, named in types.items():
                usual = defaults.get(kind, {}).get(type, {})
                for name, settings in named.items():
                    found[kind, type, name] = _Object(dict(settings), dict(usual))
    except (AttributeError, KeyError, TypeError, ValueError):
        fault = "is not what admin.config.describe answers"
        raise Invalid({"other": fault}) from None
    return found


def _compared_object(
    key: Key, ours: _Object | None, theirs: _Object | None
) -> ComparedObject | None:
    if ours is None or theirs is None:
        here = {} if ours is None else ours.settings
        there = {} if theirs is None else theirs.settings
        settings = dict(_compared_settings(here, there))
        return ComparedObject("only_there" if ours is None else "only_here", *key, settings)
    settings = dict(_compared_settings(ours.whole, theirs.whole))
    if not settings:
        return None
    results = {one.result for one in settings.values()}
    return ComparedObject("differs" if "differs" in results else "unknown", *key, settings)


def _compared_settings(
    here: PlainSettings, there: PlainSettings
) -> Iterator[tuple[str, ComparedSetting]]:
    for name in sorted({*here, *there}):
        ours = here.get(name)
        theirs = there.get(name)
        if ours == theirs:
            continue
        both = (ours, theirs)
        secret = any(_shown(one) != one for one in both)
        is_known = _shown(ours, HASH) != _shown(theirs, HASH)
        result: Result = "differs" if is_known else "unknown"
        yield name, ComparedSetting(_shown(ours), _shown(theirs), secret, result)


def _shown(value: object, *stands: str) -> object:
    """Return a value with a mask for what stands for secrets: for all, or for those of a key."""
    keys = stands or (MARK, HASH)
    if isinstance(value, dict):
        if any(key in value for key in keys):
            return MASK
        return {key: _shown(inner, *stands) for key, inner in value.items()}
    if isinstance(value, list):
        return [_shown(inner, *stands) for inner in value]
    return value


# -- sources ---------------------------------------------------------------------------------------


def _compared_packages(here: PlainData, there: PlainData) -> Iterator[ComparedObject]:
    ours = _packages(here)
    theirs = _packages(there)
    for name in sorted({*ours, *theirs}):
        mine = ours.get(name)
        other = theirs.get(name)
        if mine == other:
            continue
        result: ObjectResult = "differs"
        if mine is None or other is None:
            result = "only_there" if mine is None else "only_here"
        lines = list(_diff(other or {}, mine or {}))
        if len(lines) > MOST_LINES:
            lines = [*lines[:MOST_LINES], f"... {len(lines) - MOST_LINES} more lines"]
        yield ComparedObject(result, "service", "package", name, source=lines)


def _same_packages(here: PlainData, there: PlainData) -> int:
    theirs = _packages(there)
    return sum(theirs.get(name) == files for name, files in _packages(here).items())


def _packages(document: PlainData) -> dict[str, dict[str, str]]:
    """Return the sources of a document by package; none if it has no sources, which are then not
    compared.
    """
    found: dict[str, dict[str, str]] = {}
    for path, text in (document.get(SERVICES) or {}).items():
        found.setdefault(package_of(path), {})[path] = str(text)
    return found


def _diff(before: dict[str, str], after: dict[str, str]) -> Iterator[str]:
    for path in sorted({*before, *after}):
        old = before.get(path, "").splitlines()
        new = after.get(path, "").splitlines()
        yield from difflib.unified_diff(old, new, path, path, lineterm="", n=CONTEXT)
