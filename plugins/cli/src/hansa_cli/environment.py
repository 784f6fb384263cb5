"""The environment variables that exported definitions need, and a template of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click

from .plain import JsonObject

_ASSIGNED = re.compile(r"^([^#=\s]+)=", re.MULTILINE)


def needed_variables(config: JsonObject) -> dict[str, str]:
    """Return where each environment variable is first referred to, by name, such as
    `outgoing.sql.crm.password`.
    """
    found: dict[str, str] = {}
    definitions = {kind: types for kind, types in config.items() if kind != "services"}
    for name, path in _references(definitions, ""):
        found.setdefault(name, path)
    return found


def _references(value: object, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        name = value.get("$env")
        if isinstance(name, str) and len(value) == 1:
            yield name, path
            return
        for key, inner in value.items():
            yield from _references(inner, f"{path}.{key}".strip("."))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _references(inner, f"{path}.{index}")


def write_template(file: Path, variables: dict[str, str]) -> list[str]:
    """Add the variables to a file of `NAME=` lines that only its owner can read; what it assigns
    already stays. Returns the names that were added.

    Raises a usage error if it cannot be written.
    """
    from hansa import replace_file

    try:
        text = file.read_text() if file.exists() else ""
        assigned = set(_ASSIGNED.findall(text))
        added = [name for name in variables if name not in assigned]
        if text and not text.endswith("\n"):
            text += "\n"
        lines = [f"# {variables[name]}\n{name}=\n" for name in added]
        replace_file(file, text + "".join(lines))
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{file} cannot be written: {error}") from None
    return added
