"""How a definition or a package differs between two lines of the change log: settings with secrets
masked, sources as unified diffs.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from hansa import LoggedChange, Model, NotFound, PlainSettings, Server, setting
from hansa_admin.plan import masked
from hansa_admin.settings import completed, secret_names

CONTEXT = 3
"""Lines around each difference of a source."""


class SettingChange(Model):
    """A setting before and after; secrets are masked."""

    old: Annotated[Any, setting("Value before; null if there was none")]
    new: Annotated[Any, setting("Value after; null if there is none")]
    secret: Annotated[bool, setting("Whether it is secret, so that its values are not shown")]
    change: Annotated[
        Literal["same", "changed", "added", "removed"],
        setting("What became of it; secrets are compared as they were before they were encrypted"),
    ]


def compare_settings(
    server: Server,
    kind: str,
    type: str,
    old: PlainSettings | None,
    new: PlainSettings | None,
) -> dict[str, SettingChange]:
    """Return how the settings of a definition differ, those that are the same included, by name.

    None stands for no definition. Settings are in today's shape and have their defaults where both
    are there, and are as they were stored where no plugin here has the type.
    """
    model = _model(server, kind, type)
    secrets = set() if model is None else secret_names(model)
    is_edit = old is not None and new is not None
    before = _whole(model, old, with_defaults=is_edit)
    after = _whole(model, new, with_defaults=is_edit)
    marked_before = server.definitions.comparable(before)
    marked_after = server.definitions.comparable(after)
    found: dict[str, SettingChange] = {}
    for name in sorted({*before, *after}):
        is_secret = name in secrets or _is_encrypted(before.get(name), after.get(name))
        found[name] = SettingChange(
            old=masked(before.get(name), is_secret),
            new=masked(after.get(name), is_secret),
            secret=is_secret,
            change=_what_became(name, marked_before, marked_after),
        )
    return found


def _model(server: Server, kind: str, type: str) -> type[Model] | None:
    """Return the model of a type; None if no plugin here has it."""
    try:
        return server.registry.type(kind, type).model
    except NotFound:
        return None


def _whole(
    model: type[Model] | None, data: PlainSettings | None, *, with_defaults: bool
) -> PlainSettings:
    """Return settings in today's shape, with or without the defaults of those not given."""
    if data is None:
        return {}
    if model is None:
        return data
    current = model.upgrade(dict(data))
    found = completed(model, current)
    others = {name: value for name, value in current.items() if name not in found}
    if not with_defaults:
        found = {name: value for name, value in found.items() if name in current}
    return {**found, **others}


def _is_encrypted(*values: object) -> bool:
    return any(isinstance(value, dict) and "$encrypted" in value for value in values)


def _what_became(
    name: str, before: PlainSettings, after: PlainSettings
) -> Literal["same", "changed", "added", "removed"]:
    if name not in before:
        return "added"
    if name not in after:
        return "removed"
    return "same" if before[name] == after[name] else "changed"


def compare_sources(
    server: Server, file: str, old: LoggedChange | None, new: LoggedChange | None
) -> str:
    """Return the unified diff from the version of a package in one line of the change log to that in
    another; None, and a deletion, stand for no package.
    """
    before = files_in(server, file, old)
    after = files_in(server, file, new)
    diffs = [
        line
        for path in sorted({*before, *after})
        for line in _diff(path, before.get(path, ""), after.get(path, ""))
    ]
    return "".join(diffs)


def files_in(server: Server, file: str, line: LoggedChange | None) -> dict[str, str]:
    """Return the sources of the version of a package that a line of the change log names, by path;
    nothing if it names none.

    Raises `NotFound` for a version that is not there, or that was changed in the database.
    """
    if line is None or line.data is None:
        return {}
    version = int(line.data["version"])
    package = server.packages.get(file, version)
    if package is None:
        raise NotFound(f"the source of version {version} of {file} is not there")
    return package.files


def _diff(path: str, old: str, new: str) -> Iterator[str]:
    """Yield the lines of a unified diff, each with its end."""
    lines = difflib.unified_diff(
        old.splitlines(keepends=True),
        new.splitlines(keepends=True),
        fromfile=f"a/{path}" if old else "/dev/null",
        tofile=f"b/{path}" if new else "/dev/null",
        n=CONTEXT,
    )
    for line in lines:
        if line.endswith("\n"):
            yield line
        else:
            yield f"{line}\n\\ No newline at end of file\n"
