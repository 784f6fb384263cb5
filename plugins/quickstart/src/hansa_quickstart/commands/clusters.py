"""`hansa quickstart create` and `hansa quickstart run`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..failure import INVALID, Failure
from ..variables import KVDB_PASSWORD, ODB_PASSWORD

if TYPE_CHECKING:
    from ..arguments import Backends
    from ..secret import GivenSecret

_NEW_FOLDER = click.argument("path", type=click.Path(path_type=Path, file_okay=False))


@click.group()
def quickstart() -> None:
    """Create whole clusters."""


@quickstart.command()
@_NEW_FOLDER
@click.argument("words", nargs=-1, metavar="[sqlite|postgresql|mysql] [REDIS_HOST REDIS_PORT]")
@click.option(
    "--odb_host", default="localhost", show_default=True, help="Host of the SQL database."
)
@click.option("--odb_port", type=int, help="Port of the SQL database; by default that of its type.")
@click.option("--odb_user", default="", help="User of the SQL database.")
@click.option("--odb_db_name", default="", help="Name of the SQL database, which must be empty.")
@click.option(
    "--odb_password_file",
    metavar="FILE",
    help="File with the password of that user, - for standard input; else HANSA_ODB_PASSWORD, else "
    "prompted for.",
)
@click.option(
    "--kvdb_password_file",
    metavar="FILE",
    help="File with the password of Redis, which may be empty; else HANSA_KVDB_PASSWORD, else "
    "prompted for.",
)
@click.option("--odb_password", hidden=True, help="The password itself, for all to see.")
@click.option("--kvdb_password", hidden=True, help="The password itself, for all to see.")
@click.option(
    "--cluster_name", default="", help="Name of the cluster; by default quickstart and a number."
)
@click.option(
    "--servers",
    type=click.IntRange(1, 64),
    default=2,
    show_default=True,
    help="Number of servers.",
)
@click.option(
    "--base_port",
    type=click.IntRange(1, 65000),
    help="First port: the load-balancer's; +1 is the web admin's, +2 that of HTTPS, +3 the "
    "load-balancer's for the web admin, +10 and on the servers'. "
    "By default 11223, 8183, 11224, 8184, 17010.",
)
@click.option(
    "--include",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A config.toml whose services and definitions the servers declare.",
)
@click.option(
    "--verbose", is_flag=True, help="Accepted and ignored: every step is shown in any case."
)
def create(
    path: Path,
    words: tuple[str, ...],
    odb_host: str,
    odb_port: int | None,
    odb_user: str,
    odb_db_name: str,
    odb_password: str | None,
    kvdb_password: str | None,
    odb_password_file: str | None,
    kvdb_password_file: str | None,
    cluster_name: str,
    servers: int,
    base_port: int | None,
    include: Path | None,
    verbose: bool,
) -> None:
    """Create a cluster in the empty or new folder PATH: a development CA, the ODB, servers, a
    load-balancer, scripts.

    Without REDIS_HOST and REDIS_PORT the cluster runs a Valkey of its own. The order of older
    versions works too: PATH TYPE ODB_HOST ODB_PORT ODB_USER ODB_DB_NAME [REDIS_HOST REDIS_PORT].
    """
    from hansa_web.settings import CLUSTER_NAMES, is_cluster_name

    from ..addresses import Addresses
    from ..arguments import DatabaseOptions, read_arguments
    from ..create import Plan, create as create_cluster
    from ..secret import GivenSecret

    for_odb = GivenSecret(odb_password, odb_password_file)
    for_redis = GivenSecret(kvdb_password, kvdb_password_file)
    options = DatabaseOptions(odb_host, odb_port, odb_user, odb_db_name)
    backends = read_arguments(words, options)
    if cluster_name and not is_cluster_name(cluster_name):
        raise Failure(f"--cluster_name: {CLUSTER_NAMES}", INVALID)
    folder = path.expanduser().resolve()
    plan = Plan(
        folder,
        odb_url=_odb_url(backends, folder, for_odb),
        redis_address=_redis_address(backends, for_redis),
        cluster=cluster_name,
        servers=servers,
        addresses=Addresses.default(servers, base_port),
        include=include,
    )
    create_cluster(plan, click.echo)


def _odb_url(backends: Backends, folder: Path, given: GivenSecret) -> str:
    """Return the URL of the ODB; asks for the password of a database server."""
    from .. import odb
    from ..secret import secret

    if backends.odb_type == "sqlite":
        return odb.sqlite_url(folder)
    password = secret(given, "odb_password", ODB_PASSWORD, "ODB database password")
    return odb.server_url(backends.odb_type, backends.odb, password)


def _redis_address(backends: Backends, given: GivenSecret) -> str:
    """Return the address of the Redis, for which it asks the password; empty for the embedded
    Valkey.
    """
    from ..redis_check import redis_address
    from ..secret import secret

    if not backends.redis_host:
        return ""
    password = secret(given, "kvdb_password", KVDB_PASSWORD, "Key/value database password")
    return redis_address(backends.redis_host, backends.redis_port, password)


@quickstart.command()
@_NEW_FOLDER
@click.option(
    "--http",
    "front",
    metavar="HOST:PORT",
    help="Address for clients; every other port is then a free one.",
)
@click.option(
    "--https",
    "secure",
    metavar="HOST:PORT",
    help="Address for clients over HTTPS; by default 127.0.0.1:11224, or with --http a free port.",
)
@click.option(
    "--include",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A config.toml whose services and definitions the servers declare, read anew at each run.",
)
def run(path: Path, front: str | None, secure: str | None, include: Path | None) -> None:
    """Run the cluster in PATH in the foreground until Ctrl-C; the first run creates it, with SQLite
    and a Valkey.
    """
    from ..addresses import requested_address
    from ..run import run as run_cluster

    address = requested_address(front) if front else None
    https = requested_address(secure, "--https") if secure else None
    run_cluster(path.expanduser().resolve(), address, include, https)
