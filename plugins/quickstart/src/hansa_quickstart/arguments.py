"""The arguments of `quickstart create` after PATH, in today's order and in that of older versions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import click

DATABASES: Final = ("sqlite", "postgresql", "mysql")


@dataclass(frozen=True)
class DatabaseOptions:
    """The options for what the arguments leave out; a port of None is the database's default."""

    host: str = "localhost"
    port: int | None = None
    user: str = ""
    name: str = ""


@dataclass(frozen=True)
class Backends:
    """The operational database (ODB) and the Redis of a new cluster.

    An empty `redis_host` stands for the embedded Valkey.
    """

    odb_type: str
    odb: DatabaseOptions
    redis_host: str = ""
    redis_port: int = 0


def read_arguments(arguments: tuple[str, ...], options: DatabaseOptions) -> Backends:
    """Read the arguments; raises `click.UsageError`.

    They are `[TYPE] [REDIS_HOST REDIS_PORT]`, or `TYPE ODB_HOST ODB_PORT ODB_USER ODB_DB_NAME
    [REDIS_HOST REDIS_PORT]`.
    """
    type = arguments[0] if arguments else "sqlite"
    if type not in DATABASES:
        known = ", ".join(DATABASES)
        raise click.UsageError(f"{type!r} is not a supported SQL database; supported are: {known}")
    rest = arguments[1:]
    odb = options
    if len(rest) in (4, 6):
        host, port, user, name = rest[:4]
        odb = DatabaseOptions(host, _port(port), user, name)
        rest = rest[4:]
    if len(rest) not in (0, 2):
        expected = "nothing, or REDIS_HOST REDIS_PORT"
        raise click.UsageError(f"after the type of the SQL database: {expected}")
    if type != "sqlite":
        _check_complete(type, odb)
    if not rest:
        return Backends(type, odb)
    redis_host, redis_port = rest
    return Backends(type, odb, redis_host, _port(redis_port))


def _check_complete(type: str, odb: DatabaseOptions) -> None:
    given = {"--odb_host": odb.host, "--odb_user": odb.user, "--odb_db_name": odb.name}
    missing = [option for option, value in given.items() if not value]
    if missing:
        raise click.UsageError(f"{type} needs {', '.join(missing)}")


def _port(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise click.UsageError(f"{text!r} is not a port number")
    return int(text)
