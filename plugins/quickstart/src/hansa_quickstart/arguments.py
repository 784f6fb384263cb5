"""The words of `quickstart create` after PATH, in the order of today and in that of older versions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import click

TYPES: Final = ("sqlite", "postgresql", "mysql")


@dataclass(frozen=True)
class Asked:
    """What the words, and the options for what they leave out, ask for; an empty `redis_host` is the embedded Valkey."""

    odb_type: str
    odb_host: str
    odb_port: int | None
    odb_user: str
    odb_db_name: str
    redis_host: str
    redis_port: int


def read_words(words: tuple[str, ...], options: dict[str, Any]) -> Asked:
    """Read `[TYPE] [REDIS_HOST REDIS_PORT]`, or `TYPE ODB_HOST ODB_PORT ODB_USER ODB_DB_NAME [REDIS_HOST REDIS_PORT]`.

    Raises `click.UsageError`.
    """
    type, rest = (words[0], list(words[1:])) if words else ("sqlite", [])
    if type not in TYPES:
        raise click.UsageError(
            f"{type!r} is no kind of SQL database; there are: {', '.join(TYPES)}"
        )
    odb: dict[str, Any] = {
        name: options[name] for name in ("odb_host", "odb_port", "odb_user", "odb_db_name")
    }
    if len(rest) in (4, 6):
        odb = dict(zip(odb, rest[:4], strict=True))
        odb["odb_port"], rest = _port(rest[1]), rest[4:]
    if len(rest) not in (0, 2):
        raise click.UsageError("after the kind of SQL database: nothing, or REDIS_HOST REDIS_PORT")
    if type != "sqlite":
        missing = [f"--{name}" for name in ("odb_host", "odb_user", "odb_db_name") if not odb[name]]
        if missing:
            raise click.UsageError(f"{type} needs {', '.join(missing)}")
    host, port = rest or ("", "0")
    return Asked(type, redis_host=host, redis_port=_port(port) if host else 0, **odb)


def _port(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise click.UsageError(f"{text!r} is no port")
    return int(text)
