"""`hansa cluster status` and `hansa cluster restart`."""

from __future__ import annotations

import time

import click

from . import output
from .client import Client
from .connection import command
from .plain import JsonObject

SERVERS = {
    "name": "server",
    "state": "state",
    "running": "workers",
    "revision": "revision",
    "incarnation": "incarnation",
    "host": "host",
    "pid": "process",
    "seconds": "seen (s)",
}
WORKERS = {"name": "worker", "revision": "revision", "behind": "behind", "seconds": "seen (s)"}
OBJECTS = {
    "object": "object",
    "state": "state",
    "workers": "workers",
    "since": "since",
    "why": "why",
}
LEASES = {"name": "lease", "holder": "holder", "token": "token", "seconds": "ends in (s)"}


@command(
    "status",
    click.Option(
        ["--all", "everything"], is_flag=True, help="Every object, not only what does not run."
    ),
)
def status(client: Client, as_json: bool, everything: bool) -> None:
    """Show the cluster: servers, workers, what each has applied, what does not run, leases, the
    queue.
    """
    answer = client.call("admin.cluster.status", {"all": everything})
    if as_json:
        output.print_json(answer)
        return
    click.echo(f"cluster {answer['cluster']}, revision {answer['revision']}")
    _part([_server_row(server) for server in answer["servers"]], SERVERS, "servers")
    _part(answer["workers"], WORKERS, "workers")
    objects = "objects" if everything else "objects that do not run"
    _part([_object_row(each) for each in answer["objects"]], OBJECTS, objects)
    _part(answer["leases"], LEASES, "leases")
    queue = answer["queue"]
    if queue is not None:
        click.echo("")
        figures = [f"{key} {output.text(value)}" for key, value in queue.items()]
        output.details({"queue": ", ".join(figures)})
    for line in answer["unknown"]:
        click.echo(f"not known: {line}", err=True)


def _part(items: list[JsonObject], columns: dict[str, str], title: str) -> None:
    click.echo("")
    output.listing(items, columns, title)


def _server_row(server: JsonObject) -> JsonObject:
    return {**server, "running": f"{server['workers']} of {server['wanted']}"}


def _object_row(each: JsonObject) -> JsonObject:
    return {
        **each,
        "object": f"{each['kind']} {each['type']} {each['name']}",
        "workers": len(each["workers"]),
        "since": output.moment(each["since"]) if each["since"] else "",
    }


@command(
    "restart",
    click.Argument(["names"], nargs=-1, metavar="[SERVER]..."),
    click.Option(
        ["--limit"],
        type=float,
        default=90.0,
        show_default=True,
        help="Seconds that a server may take.",
    ),
    click.Option(
        ["--pause"],
        type=float,
        default=5.0,
        show_default=True,
        help="Seconds between servers where no load-balancer is known, "
        "for the checks of one that is not Hansa's.",
    ),
    click.Option(
        ["--force"], is_flag=True, help="Even if it is the only server, or others are not ready."
    ),
)
def restart(
    client: Client, as_json: bool, names: tuple[str, ...], limit: float, pause: float, force: bool
) -> None:
    """Restart servers, one after the other, losing no request; all, unless some are named.

    Each is taken out of the load-balancer, finishes what it has, starts anew with what is installed
    and configured now, and is waited for before the next; if one does not come back, it stops
    there.
    """
    from .rolling import RollingRestart

    def say(line: str) -> None:
        if not as_json:
            click.echo(line)

    began = time.monotonic()
    restarted = RollingRestart(client, say, limit=limit, pause=pause).run(names, force=force)
    seconds = round(time.monotonic() - began, 1)
    if as_json:
        output.print_json({"servers": restarted, "seconds": seconds})
    else:
        servers = ", ".join(server["name"] for server in restarted)
        click.echo(f"restarted {servers} in {seconds:g} s")
