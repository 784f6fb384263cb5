"""The commands: each reads its command line, and hands over to the module that does the work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .failure import INVALID, RUNNING, Failure

PATH = click.argument("path", type=click.Path(path_type=Path, file_okay=False))
THERE = click.argument("path", type=click.Path(path_type=Path, file_okay=False, exists=True))


@click.group()
def quickstart() -> None:
    """Create whole clusters."""


@quickstart.command()
@PATH
@click.argument("words", nargs=-1, metavar="[sqlite|postgresql|mysql] [REDIS_HOST REDIS_PORT]")
@click.option(
    "--odb_host", default="localhost", show_default=True, help="Host of the SQL database."
)
@click.option("--odb_port", type=int, help="Its port; by default that of the database's kind.")
@click.option("--odb_user", default="", help="User of the SQL database.")
@click.option("--odb_db_name", default="", help="Name of the SQL database, which must be empty.")
@click.option(
    "--odb_password",
    help="Password of that user; better given by HANSA_ODB_PASSWORD, else prompted for.",
)
@click.option(
    "--kvdb_password",
    help="Password of Redis, may be empty; or HANSA_KVDB_PASSWORD, else prompted for.",
)
@click.option(
    "--cluster_name", default="", help="Name of the cluster; by default quickstart and a number."
)
@click.option(
    "--servers", type=click.IntRange(1, 64), default=2, show_default=True, help="How many servers."
)
@click.option(
    "--base_port",
    type=click.IntRange(1, 65000),
    help="First port: the load-balancer's; +1 is the admin API's, +10 and on the servers'. By default 11223, 8183, 17010.",
)
@click.option(
    "--include",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A config.toml whose services and definitions the servers declare.",
)
@click.option(
    "--verbose", is_flag=True, help="As in older versions; every step is told in any case."
)
def create(path: Path, words: tuple[str, ...], **options: Any) -> None:
    """Create a cluster in the empty or new folder PATH: a development CA, the ODB, servers, a load-balancer, scripts.

    Without REDIS_HOST and REDIS_PORT the cluster runs a Valkey of its own. The order of older versions works too:
    PATH TYPE ODB_HOST ODB_PORT ODB_USER ODB_DB_NAME [REDIS_HOST REDIS_PORT].
    """
    import re

    from . import create as making
    from .addresses import Addresses
    from .arguments import read_words
    from .kvdb import redis_address
    from .odb import odb_url
    from .secret import secret

    asked = read_words(words, options)
    if options["cluster_name"] and not re.fullmatch(
        r"[A-Za-z0-9_.-]{1,64}", options["cluster_name"]
    ):
        raise Failure("--cluster_name: letters, digits, _ . and -, at most 64", INVALID)
    folder, password, address = path.expanduser().resolve(), "", ""
    if asked.odb_type != "sqlite":
        password = secret(
            options["odb_password"], "odb_password", "HANSA_ODB_PASSWORD", "ODB database password"
        )
    if asked.redis_host:
        label = "Key/value database password"
        given = secret(options["kvdb_password"], "kvdb_password", "HANSA_KVDB_PASSWORD", label)
        address = redis_address(asked.redis_host, asked.redis_port, given)
    plan = making.Plan(
        folder,
        odb_url(
            asked.odb_type,
            folder,
            asked.odb_host,
            asked.odb_port,
            asked.odb_user,
            asked.odb_db_name,
            password,
        ),
        address,
        options["cluster_name"],
        options["servers"],
        Addresses.usual(options["servers"], options["base_port"]),
        options["include"],
    )
    making.create(plan, click.echo)


@quickstart.command()
@PATH
@click.option(
    "--http",
    "front",
    metavar="HOST:PORT",
    help="Where clients reach it; every other port is then a free one.",
)
@click.option(
    "--include",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A config.toml whose services and definitions the servers declare, taken anew at each run.",
)
def run(path: Path, front: str | None, include: Path | None) -> None:
    """Run the cluster in PATH in the foreground until Ctrl-C; the first time it is created, with SQLite and a Valkey."""
    from .addresses import given
    from .run import run as run_cluster

    run_cluster(path.expanduser().resolve(), given(front) if front else None, include)


@click.command("check-config")
@THERE
def check_config(path: Path) -> None:
    """Check a server, or every server of a cluster: its configuration, and whether it reaches its ODB and its Redis."""
    from . import checks
    from .component import QUICKSTART, SERVER, open_component

    component = open_component(path)
    servers = [part for part in component.parts if part.kind == SERVER] or [component]
    failures = []
    for server in servers:
        prefix = f"{server.name}: " if component.kind == QUICKSTART else ""
        if server.kind != SERVER:
            for name in ("config.toml",):
                server.raw()
                click.echo(f"{name} OK")
            continue
        for check in (
            checks.check_configuration,
            checks.check_server_odb,
            checks.check_server_redis,
        ):
            try:
                found: Any = check(server)
            except Failure as failure:
                failures.append(prefix + failure.message)
                continue
            line, warnings = found if isinstance(found, tuple) else (found, [])
            if line:
                click.echo(prefix + line)
            for warning in warnings:
                click.echo(f"{prefix}Warning: {warning}", err=True)
    if failures:
        raise Failure("\n".join(failures), INVALID)


@click.command()
@THERE
@click.option("--fg", "foreground", is_flag=True, help="Stay in the foreground; Ctrl-C stops.")
def start(path: Path, foreground: bool) -> None:
    """Start a cluster, or one component, in the background, once sanity checks have passed."""
    from . import cluster
    from .component import QUICKSTART, open_component

    component = open_component(path)
    if foreground and component.runs_itself:
        cluster.run_in_place(component)
    started = cluster.Start(component, foreground=foreground)
    if foreground and started.running and component.kind == QUICKSTART:
        names = ", ".join(part.name for part in started.running)
        raise Failure(f"stop what runs in the background first: {names}", RUNNING)
    started.run()


@click.command()
@THERE
@click.option("--delete-pidfiles", is_flag=True, hidden=True, help="Done in any case.")
def stop(path: Path, delete_pidfiles: bool) -> None:
    """Stop a cluster, or one component: what was accepted is finished first."""
    from .cluster import stop_all
    from .component import open_component

    stop_all(open_component(path))


@click.command()
@THERE
@click.option(
    "--format",
    "format",
    type=click.Choice(["text", "json", "yaml"]),
    default="text",
    show_default=True,
    help="How to print it.",
)
@click.option(
    "--cols_width", default="30,30", show_default=True, help="Widths of the table's two columns."
)
def info(path: Path, format: str, cols_width: str) -> None:
    """Show what a component is, whether it runs, and what the system knows of its process."""
    from .component import open_component
    from .info import info as facts_of, render

    try:
        first, second = (max(5, int(width)) for width in cols_width.split(","))
    except ValueError:
        raise click.UsageError("--cols_width: two numbers, such as 30,90") from None
    click.echo(render(facts_of(open_component(path)), format, (first, second)))


@click.group("create")
def create_group() -> None:
    """Create users."""


@create_group.command("user")
@THERE
@click.option("--username", required=True, help="Name of the new user.")
@click.option("--password", help="Its password; better given by HANSA_PASSWORD, else prompted for.")
def create_user(path: Path, username: str, password: str | None) -> None:
    """Create a user that channels can ask for (`security basic`) in the running cluster that PATH is, or belongs to."""
    from . import users
    from .component import open_component
    from .secret import secret

    component = open_component(path)
    users.create_user(
        component, username, secret(password, "password", "HANSA_PASSWORD", "Password")
    )
    click.echo("OK")


@click.group("update")
def update_group() -> None:
    """Change passwords."""


@update_group.command("password")
@THERE
@click.argument("username", default="admin")
@click.option(
    "--password", help="The new password; better given by HANSA_PASSWORD, else prompted for."
)
def update_password(path: Path, username: str, password: str | None) -> None:
    """Change the password of the admin, or of another user, of the cluster that PATH is, or belongs to."""
    from . import users
    from .component import open_component
    from .secret import secret

    component = open_component(path)
    users.update_password(
        component, username, secret(password, "password", "HANSA_PASSWORD", "Password")
    )
    click.echo("OK")


@click.group()
def kvdb() -> None:
    """The embedded Valkey that the servers of a cluster share."""


@kvdb.command("run")
@click.option(
    "--config",
    "config",
    type=click.Path(path_type=Path),
    help="Its configuration; by default that in --dir.",
)
@click.option(
    "--dir",
    "directory",
    required=True,
    type=click.Path(path_type=Path, exists=True),
    help="Its folder.",
)
def kvdb_run(config: Path | None, directory: Path) -> None:
    """Run it in the foreground until Ctrl-C or SIGTERM."""
    from hansa import HansaError

    from .component import KVDB, open_component
    from .kvdb import run

    component = open_component(directory)
    if component.kind != KVDB or (config and config.resolve() != component.config):
        raise Failure(
            f"{directory} is no folder of an embedded Valkey with that configuration", INVALID
        )
    try:
        run(component)
    except HansaError as error:
        raise Failure(str(error)) from None


def add_commands(commands: click.Group) -> None:
    """Add everything to the `hansa` command."""
    for command in (
        quickstart,
        check_config,
        start,
        stop,
        info,
        create_group,
        update_group,
        kvdb,
    ):
        commands.add_command(command)
