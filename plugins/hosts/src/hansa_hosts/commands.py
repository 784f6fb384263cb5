"""The commands: `hansa create cluster|server|loadbalancer|webadmin|token`, `join`, `renew`, `leave`
and `authority run`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click
from hansa_quickstart.variables import KVDB_PASSWORD, ODB_PASSWORD

from .options import ADDRESS, FOLDER, HOSTS, NAME, NEW_FOLDER, ROLE_NAMES, given_secret


@click.command("cluster")
@NEW_FOLDER
@click.option(
    "--odb",
    required=True,
    envvar="HANSA_ODB_URL",
    metavar="URL",
    help="PostgreSQL or MySQL that all hosts reach, with an empty database; {ca} stands for the "
    "file with the certificate of the cluster's authority. Also HANSA_ODB_URL.",
)
@click.option(
    "--redis",
    required=True,
    envvar="HANSA_REDIS_URL",
    metavar="URL",
    help="Redis or Valkey that all hosts reach: redis://, rediss://, with Sentinel or Redis Cluster "
    "too. Also HANSA_REDIS_URL.",
)
@click.option(
    "--odb-password-file", metavar="FILE", help=f"File with its password; {ODB_PASSWORD}."
)
@click.option(
    "--redis-password-file", metavar="FILE", help=f"File with its password; {KVDB_PASSWORD}."
)
@click.option(
    "--address",
    required=True,
    metavar="HOST[:PORT]",
    help="Where other hosts ask the authority of the cluster, on this one; port 8185 by default.",
)
@click.option(
    "--network",
    required=True,
    metavar="NETWORK",
    help="Network of the hosts, such as 10.0.0.0/24: only they may join, and only from there are "
    "load-balancers believed.",
)
@click.option("--cluster-name", default="cluster1", show_default=True, help="Name of the cluster.")
@click.option(
    "--durability",
    type=click.Choice(["durable", "fast"]),
    default="durable",
    show_default=True,
    help="durable: a Redis that may lose what was accepted is refused.",
)
@HOSTS
def create_cluster(
    path: Path,
    odb: str,
    redis: str,
    odb_password_file: str | None,
    redis_password_file: str | None,
    address: str,
    network: str,
    cluster_name: str,
    durability: str,
    hosts: tuple[str, ...],
) -> None:
    """Create a cluster of several hosts in the new folder PATH of the first of them: its authority,
    the schema of its ODB, and its secrets. PATH may hold an authority in ca/ already.
    """
    from hansa_loadbalancer.settings import is_address

    from .creation import Wanted, create_cluster as create
    from .roles import AUTHORITY_PORT

    wanted = Wanted(
        folder=path.expanduser().resolve(),
        name=cluster_name,
        address=address if is_address(address) else f"{address}:{AUTHORITY_PORT}",
        network=network,
        odb=odb,
        redis=redis,
        odb_password=given_secret(odb_password_file, ODB_PASSWORD),
        redis_password=given_secret(redis_password_file, KVDB_PASSWORD),
        durability=durability,
        hosts=hosts,
    )
    for warning in create(wanted):
        click.echo(f"Warning: {warning}", err=True)
    click.echo(f"Cluster {wanted.name} created; its authority is at {wanted.address}")
    click.echo(f"The password of the user admin is in {wanted.folder / 'admin.password'}")


def _add_component(role_name: str, holder: str) -> click.Command:
    """Return the command that makes a component on the authority's host."""

    @click.command(
        role_name, help=f"Create {holder} on this host, that of the cluster's authority."
    )
    @FOLDER
    @NAME
    @ADDRESS
    @HOSTS
    def create(path: Path, name: str, address: str, hosts: tuple[str, ...]) -> None:
        from .creation import create_component
        from .joining import check_component
        from .roles import role_of

        made = create_component(path, role_of(role_name), name, address, hosts)
        click.echo(f"{made.folder.name} created, to listen at {made.addresses[0]}")
        check_component(made, click.echo)

    return create


@click.command("token")
@FOLDER
@click.option(
    "--for",
    "role",
    required=True,
    type=click.Choice(ROLE_NAMES),
    help="What its bearer may join with.",
)
@NAME
@HOSTS
@click.option(
    "--minutes",
    type=click.IntRange(1, 7 * 24 * 60),
    default=60,
    show_default=True,
    help="How long it is good.",
)
def create_token(path: Path, role: str, name: str, hosts: tuple[str, ...], minutes: int) -> None:
    """Print a token by which one component of another host joins the cluster, once. Who has it gets
    the cluster's secrets: hand it over as you would them.
    """
    from .creation import create_token as create
    from .roles import role_of

    click.echo(create(path, role_of(role), name, hosts, minutes))


@click.command()
@click.argument("token")
@NEW_FOLDER
@ADDRESS
def join(token: str, path: Path, address: str) -> None:
    """Join the cluster that TOKEN is of (-: standard input) with a component in PATH of this host: a
    new folder, or that of its other components.
    """
    from .joining import check_component, join as join_cluster

    text = sys.stdin.readline() if token == "-" else token
    joined = join_cluster(text, path, address)
    click.echo(f"{joined.folder.name} has joined, to listen at {joined.addresses[0]}")
    check_component(joined, click.echo)
    click.echo(f"Start it by: hansa start {joined.folder.parent}")


@click.command()
@FOLDER
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--force",
    is_flag=True,
    help="Leave even if the authority cannot be told; "
    "on its own host, have it forget those named, whose host is gone.",
)
def leave(path: Path, names: tuple[str, ...], force: bool) -> None:
    """Have the components of this host, or those named, finish what they have, leave the cluster, and
    remove their folders, logs included.
    """
    from .leaving import leave as leave_cluster

    for name in leave_cluster(path, names, force=force):
        click.echo(f"{name} has left")


@click.command()
@FOLDER
@click.option(
    "--within",
    type=click.IntRange(min=0),
    metavar="DAYS",
    help="Only certificates that end within so many days.",
)
def renew(path: Path, within: int | None) -> None:
    """Get new certificates from the authority for the components of this host, which serve them while
    they run.
    """
    from .leaving import renew as renew_certificates

    renewed = renew_certificates(path, within)
    for name in renewed:
        click.echo(f"{name}: renewed")
    if not renewed:
        click.echo("nothing is to be renewed")


@click.group()
def authority() -> None:
    """The authority that admits components of other hosts."""


@authority.command("run")
@click.option("--config", "path", required=True, type=click.Path(path_type=Path), help="Its file.")
@click.option(
    "--dir", "directory", required=True, type=click.Path(path_type=Path), help="Its folder."
)
def run(path: Path, directory: Path) -> None:
    """Run it in the foreground until Ctrl-C or SIGTERM."""
    from hansa import Invalid
    from hansa_cli.output import print_faults

    from .process import run_process

    try:
        run_process(path.resolve(), directory.resolve())
    except Invalid as failed:
        print_faults("The authority cannot start:", failed.errors)
        sys.exit(1)


CREATED: Final[tuple[click.Command, ...]] = (
    create_cluster,
    _add_component("server", "a server"),
    _add_component("loadbalancer", "a load-balancer"),
    _add_component("webadmin", "the web admin"),
    create_token,
)
"""The commands of `hansa create`."""
TOP: Final[tuple[click.Command, ...]] = (join, leave, renew, authority)
"""The commands beside it."""
