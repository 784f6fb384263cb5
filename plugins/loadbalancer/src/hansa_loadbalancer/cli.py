"""The command group `hansa loadbalancer`: run one, and control a running one through the admin API."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
from hansa import Invalid
from hansa_cli import output
from hansa_cli.client import Client
from hansa_cli.connection import command

from .cli_source import COMMANDS as EDITING
from .reporting import report


@click.group("loadbalancer")
def group() -> None:
    """The load-balancer in front of the servers."""


@group.command()
@click.option(
    "--config",
    "path",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Configuration file of the load-balancer.",
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
        output.print_faults("The load-balancer cannot start:", failed.errors)
        sys.exit(1)


NAME = click.Argument(["name"])
SERVERS = (
    "name",
    "address",
    "weight",
    "state",
    "status",
    "check_result",
    "active",
    "requests",
    "failed",
)
"""The columns of the list of servers."""
STATISTICS = {
    "pxname": "part",
    "svname": "of it",
    "status": "status",
    "scur": "now",
    "smax": "most",
    "stot": "total",
    "bin": "bytes in",
    "bout": "out",
    "ereq": "bad",
    "econ": "no conn.",
    "eresp": "no answer",
    "rtime": "ms",
}
"""The fields of HAProxy's statistics that are shown, with the heading of each."""


@command("servers")
def servers(client: Client, as_json: bool) -> None:
    """List the servers behind the load-balancer."""
    answer = client.call("admin.loadbalancer.servers")
    if as_json:
        output.print_json(answer)
    else:
        rows = [[item[key] for key in SERVERS] for item in answer["items"]]
        output.table([key.replace("_", " ") for key in SERVERS], rows, "servers")


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
        ["--maxconn"], type=int, default=0, help="Maximum concurrent requests; 0 for no limit."
    ),
)
def add(client: Client, as_json: bool, **values: Any) -> None:
    """Put a server behind the load-balancer."""
    answer = client.call("admin.loadbalancer.add", values)
    report(answer, as_json, f"{values['name']} gets requests")


@command("weight", NAME, click.Argument(["weight"], type=int))
def weight(client: Client, as_json: bool, name: str, weight: int) -> None:
    """Change a server's share of the requests."""
    report(
        client.call("admin.loadbalancer.weight", {"name": name, "weight": weight}),
        as_json,
        f"{name} weighs {weight}",
    )


def _state_command(action: str, help: str, said: str) -> click.Command:
    """Return the command for an admin service that takes the name of a server alone."""

    def change(client: Client, as_json: bool, name: str) -> None:
        answer = client.call(f"admin.loadbalancer.{action}", {"name": name})
        report(answer, as_json, f"{name} {said}")

    return command(action, NAME, help=help)(change)


@command("statistics")
def statistics(client: Client, as_json: bool) -> None:
    """Show HAProxy's statistics; all fields with --json."""
    answer = client.call("admin.loadbalancer.statistics")
    if as_json:
        output.print_json(answer)
        return
    rows = [[item.get(key, "") for key in STATISTICS] for item in answer["items"]]
    output.table(list(STATISTICS.values()), rows, "statistics")


@command("command", click.Argument(["words"], nargs=-1, required=True, metavar="COMMAND..."))
def ask(client: Client, as_json: bool, words: tuple[str, ...]) -> None:
    """Give HAProxy a command that changes nothing, such as: show info."""
    answer = client.call("admin.loadbalancer.command", {"command": " ".join(words)})
    if as_json:
        output.print_json(answer)
    else:
        click.echo(answer["answer"])


@command("reload")
def reload(client: Client, as_json: bool) -> None:
    """Replace HAProxy by a new process with the stored configuration; no request is lost."""
    answer = client.call("admin.loadbalancer.reload")
    report(
        answer,
        as_json,
        f"HAProxy {answer['version']} serves at {answer['url']} with the stored configuration",
    )


for each in (
    servers,
    add,
    _state_command(
        "remove",
        "Take a server away from the load-balancer; it finishes its requests.",
        "is removed",
    ),
    weight,
    _state_command(
        "drain", "Send a server no new requests; it finishes those it has.", "gets nothing new"
    ),
    _state_command(
        "maint", "Put a server into maintenance: no requests, no checks.", "is in maintenance"
    ),
    _state_command("ready", "Send a server requests again.", "gets requests"),
    statistics,
    ask,
    *EDITING,
    reload,
):
    group.add_command(each)
