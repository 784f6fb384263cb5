"""Read and write exported definitions: JSON, or TOML where the file's name ends in .toml."""

from __future__ import annotations

import datetime
import json
import os
from pathlib import Path
from typing import Any

import click


def write_config(path: Path, config: dict[str, Any]) -> None:
    """Write a file that only its owner reads; a file that is there is replaced at once, or not at all."""
    written = (
        toml_text(config)
        if path.suffix == ".toml"
        else json.dumps(config, indent=2, ensure_ascii=False) + "\n"
    )
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as opened:
            opened.write(written)
        os.replace(fresh, path)
    except OSError as error:
        raise click.UsageError(f"{path} cannot be written: {error.strerror}") from None


def toml_text(config: dict[str, Any]) -> str:
    """TOML of plain data, a table per definition; null cannot be said and is a usage error."""
    import tomlkit

    nulls = list(_nulls(config, ""))
    if nulls:
        raise click.UsageError(
            f"TOML has no null, which {', '.join(nulls)} is; export to a .json file"
        )
    document = tomlkit.document()
    for kind, types in config.items():
        above = tomlkit.table(is_super_table=kind != "services")
        for type, named in types.items():
            if not isinstance(named, dict):
                above.add(type, _source(named))
                continue
            middle = tomlkit.table(is_super_table=True)
            for name, settings in named.items():
                table = tomlkit.table()
                for key, value in settings.items():
                    table.add(key, _inline(value))
                middle.add(name, table)
            above.add(type, middle)
        document.add(kind, above)
    return tomlkit.dumps(document)


def _source(text: str) -> Any:
    """A text as readable as TOML can have it: its reader drops a first line end and turns CR LF into LF."""
    import tomlkit

    printable = all(character.isprintable() or character in "\n\t" for character in text)
    if (
        "\n" in text
        and printable
        and not text.startswith("\n")
        and "'''" not in text
        and not text.endswith("'")
    ):
        return tomlkit.string(text, literal=True, multiline=True)
    return tomlkit.string(text)


def _inline(value: Any) -> Any:
    import tomlkit

    if isinstance(value, dict):
        made = tomlkit.inline_table()
        for key, inner in value.items():
            made.add(key, _inline(inner))
        return made
    if isinstance(value, list):
        array = tomlkit.array()
        for inner in value:
            array.append(_inline(inner))
        return array
    return value


def _nulls(value: Any, path: str) -> Any:
    if value is None:
        yield path
    elif isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _nulls(inner, f"{path}.{key}".strip("."))


def read_config(path: str) -> dict[str, Any]:
    """The definitions of a file; a usage error says where it is malformed."""
    import sys
    import tomllib

    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_text()
        found = (
            tomllib.loads(text)
            if path.endswith(".toml")
            else json.loads(text, object_pairs_hook=_unique)
            if text.strip()
            else {}
        )
    except OSError as error:
        raise click.UsageError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise click.UsageError(f"{path}: {error}") from None
    if not isinstance(found, dict):
        raise click.UsageError(
            f"{path}: expected one object with definitions by kind, type and name"
        )
    return dict(_plain(found))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(
            f"given twice: {', '.join(sorted({name for name in names if names.count(name) > 1}))}"
        )
    return found


def _plain(value: Any) -> Any:
    """TOML's dates and times as texts."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value.isoformat() if isinstance(value, datetime.date | datetime.time) else value
