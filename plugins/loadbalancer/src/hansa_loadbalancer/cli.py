"""The command group `hansa loadbalancer`: run one, and steer a running one through the admin API."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
from hansa import Invalid
from hansa_cli import output
from hansa_cli.client import Client
from hansa_cli.connection import command


@click.group("loadbalancer")
def group() -> None:
    """The load-balancer in front of the servers."""


@group.command()
@click.option(
    "--config",
    "path",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Its config.toml.",
)
@click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of what it writes; by default that of the configuration file.",
)
def run(path: Path, directory: Path | None) -> None:
    """Run the load-balancer in the foreground until Ctrl-C or SIGTERM; SIGHUP reloads it."""
    from .balancer import Balancer

    try:
        Balancer(path.resolve(), (directory or path.parent).resolve()).run()
    except Invalid as failed:
        click.echo("The load-balancer cannot start:", err=True)
        for key, fault in failed.errors.items():
            click.echo(f"  {key}: {fault}" if key else f"  {fault}", err=True)
        sys.exit(1)


NAME = click.Argument(["name"])


@command("servers")
def servers(client: Client, as_json: bool) -> None:
    """List the servers behind the load-balancer."""
    answer = client.call("admin.loadbalancer.servers")
    if as_json:
        output.print_json(answer)
    else:
        keys = [
            "name",
            "address",
            "weight",
            "state",
            "status",
            "check_result",
            "active",
            "requests",
            "failed",
        ]
        rows = [[item[key] for key in keys] for item in answer["items"]]
        output.table([key.replace("_", " ") for key in keys], rows, "servers")


@command(
    "add",
    NAME,
    click.Argument(["address"], metavar="HOST:PORT"),
    click.Option(
        ["--weight"],
        type=int,
        default=100,
        show_default=True,
        help="Share of the requests, 1 to 256.",
    ),
    click.Option(
        ["--maxconn"], type=int, default=0, help="Requests it gets at a time; 0 is no limit."
    ),
)
def add(client: Client, as_json: bool, **values: Any) -> None:
    """Put a server behind the load-balancer."""
    _told(client.call("admin.loadbalancer.add", values), as_json, f"{values['name']} gets requests")


@command("weight", NAME, click.Argument(["weight"], type=int))
def weight(client: Client, as_json: bool, name: str, weight: int) -> None:
    """Change a server's share of the requests."""
    _told(
        client.call("admin.loadbalancer.weight", {"name": name, "weight": weight}),
        as_json,
        f"{name} weighs {weight}",
    )


def _change(action: str, help: str, said: str) -> click.Command:
    def change(client: Client, as_json: bool, name: str) -> None:
        _told(
            client.call(f"admin.loadbalancer.{action}", {"name": name}), as_json, f"{name} {said}"
        )

    change.__doc__ = help
    return command(action, NAME)(change)


@command("statistics")
def statistics(client: Client, as_json: bool) -> None:
    """Show what HAProxy counts; all of it with --json."""
    answer = client.call("admin.loadbalancer.statistics")
    if as_json:
        output.print_json(answer)
        return
    keys = [
        "pxname",
        "svname",
        "status",
        "scur",
        "smax",
        "stot",
        "bin",
        "bout",
        "ereq",
        "econ",
        "eresp",
        "rtime",
    ]
    names = [
        "part",
        "of it",
        "status",
        "now",
        "most",
        "total",
        "bytes in",
        "out",
        "bad",
        "no conn.",
        "no answer",
        "ms",
    ]
    output.table(
        names, [[item.get(key, "") for key in keys] for item in answer["items"]], "statistics"
    )


@command("command", click.Argument(["words"], nargs=-1, required=True, metavar="COMMAND..."))
def ask(client: Client, as_json: bool, words: tuple[str, ...]) -> None:
    """Give HAProxy a command that changes nothing, such as: show info."""
    answer = client.call("admin.loadbalancer.command", {"command": " ".join(words)})
    if as_json:
        output.print_json(answer)
    else:
        click.echo(answer["answer"])


@command(
    "source",
    click.Option(
        ["--stored"], is_flag=True, help="config.toml, from which HAProxy's is generated."
    ),
)
def source(client: Client, as_json: bool, stored: bool) -> None:
    """Print HAProxy's configuration."""
    answer = client.call("admin.loadbalancer.source")
    if as_json:
        output.print_json(answer)
    else:
        click.echo(answer["stored" if stored else "generated"], nl=False)


@command("reload")
def reload(client: Client, as_json: bool) -> None:
    """Replace HAProxy by a new process with the stored configuration; no request is lost."""
    answer = client.call("admin.loadbalancer.reload")
    _told(
        answer,
        as_json,
        f"HAProxy {answer['version']} serves at {answer['url']} with the stored configuration",
    )


def _told(answer: dict[str, Any], as_json: bool, line: str) -> None:
    if as_json:
        output.print_json(answer)
    else:
        how = {"live": " (changed live)", "reload": " (by a reload)", "": " (it was so already)"}
        click.echo(line + how.get(answer.get("how", "-"), ""))


for each in (
    servers,
    add,
    _change(
        "remove",
        "Take a server away from the load-balancer; it finishes what it has.",
        "is removed",
    ),
    weight,
    _change("drain", "Hand a server nothing new; it finishes what it has.", "gets nothing new"),
    _change("maint", "Put a server into maintenance: nothing new, no checks.", "is in maintenance"),
    _change("ready", "Hand a server requests again.", "gets requests"),
    statistics,
    ask,
    source,
    reload,
):
    group.add_command(each)
