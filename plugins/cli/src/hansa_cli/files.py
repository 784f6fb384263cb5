"""Files of exported definitions: JSON, or TOML where the file's name ends in .toml."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .plain import JsonObject

if TYPE_CHECKING:
    from tomlkit.items import Item, Table


def write_config(path: Path, config: JsonObject) -> None:
    """Write a file that only its owner can read; an existing one is replaced whole, or not at all.

    Raises a usage error if it cannot be written, or if TOML cannot express it.
    """
    if path.suffix == ".toml":
        written = toml_text(config)
    else:
        written = json.dumps(config, indent=2, ensure_ascii=False) + "\n"
    write_private(path, written)


def write_private(path: Path, text: str) -> None:
    """Write a file in UTF-8 that only its owner can read, whole or not at all.

    Raises a usage error if it cannot be written.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(text)
        os.replace(fresh, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise click.UsageError(f"{path} cannot be written: {error.strerror}") from None


def toml_text(config: JsonObject) -> str:
    """Return definitions as TOML, a table for each; null, which TOML lacks, is a usage error."""
    import tomlkit

    nulls = list(_nulls(config, ""))
    if nulls:
        raise click.UsageError(
            f"TOML has no null, which {', '.join(nulls)} is; export to a .json file"
        )
    document = tomlkit.document()
    for kind, types in config.items():
        document.add(kind, _sources_table(types) if kind == "services" else _kind_table(types))
    return tomlkit.dumps(document)


def _sources_table(sources: dict[str, str]) -> Table:
    import tomlkit

    table = tomlkit.table()
    for file, source in sources.items():
        table.add(file, _source(source))
    return table


def _kind_table(types: dict[str, dict[str, JsonObject]]) -> Table:
    import tomlkit

    of_kind = tomlkit.table(is_super_table=True)
    for type, definitions in types.items():
        of_type = tomlkit.table(is_super_table=True)
        for name, settings in definitions.items():
            table = tomlkit.table()
            for key, value in settings.items():
                table.add(key, _inline(value))
            of_type.add(name, table)
        of_kind.add(type, of_type)
    return of_kind


def _source(text: str) -> Item:
    """Return a text in the most readable form that TOML reads back unchanged.

    A reader of TOML drops a line end at the beginning of a multi-line text, and may turn CR LF
    into LF.
    """
    import tomlkit

    printable = all(character.isprintable() or character in "\n\t" for character in text)
    literal = (
        "\n" in text
        and printable
        and not text.startswith("\n")
        and "'''" not in text
        and not text.endswith("'")
    )
    return tomlkit.string(text, literal=literal, multiline=literal)


def _inline(value: object) -> object:
    import tomlkit

    if isinstance(value, dict):
        table = tomlkit.inline_table()
        for key, inner in value.items():
            table.add(key, _inline(inner))
        return table
    if isinstance(value, list):
        array = tomlkit.array()
        for inner in value:
            array.append(_inline(inner))
        return array
    return value


def _nulls(value: object, path: str) -> Iterator[str]:
    """The paths of all nulls."""
    if value is None:
        yield path
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _nulls(inner, f"{path}.{key}".strip("."))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _nulls(inner, f"{path}.{index}".strip("."))


def read_config(path: str) -> JsonObject:
    """Return the definitions of a file, `-` for standard input.

    Raises a usage error, which says where it is malformed.
    """
    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_text()
        found = _parsed(text, toml=path.endswith(".toml"))
    except OSError as error:
        raise click.UsageError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise click.UsageError(f"{path}: {error}") from None
    if not isinstance(found, dict):
        raise click.UsageError(
            f"{path}: expected one object with definitions by kind, type and name"
        )
    return found


def _parsed(text: str, *, toml: bool) -> object:
    if toml:
        import tomllib

        return _plain(tomllib.loads(text))
    if not text.strip():
        return {}
    from hansa import Invalid
    from hansa_json.reading import decode_strict  # PERF: most commands read no file

    try:
        found: object = decode_strict(text.encode())
    except Invalid as invalid:
        raise ValueError(invalid.detail) from None
    return found


def _plain(value: object) -> object:
    """Return TOML's values with dates and times as texts."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return value
