"""The commands `hansa cluster status` and `hansa cluster restart`."""

from __future__ import annotations

import time
from typing import Any

import click

from . import output
from .client import Client
from .connection import command


@command(
    "status",
    click.Option(
        ["--all", "everything"], is_flag=True, help="Every object, not only what does not run."
    ),
)
def status(client: Client, as_json: bool, everything: bool) -> None:
    """Show the cluster: servers, workers, what each has applied, what does not run, leases, the queue."""
    answer = client.call("admin.cluster.status", {"all": everything})
    if as_json:
        output.print_json(answer)
        return
    click.echo(f"cluster {answer['cluster']}, revision {answer['revision']}")
    heads = ["server", "state", "workers", "revision", "incarnation", "host", "process", "seen (s)"]
    keys = ["name", "state", "running", "revision", "incarnation", "host", "pid", "seconds"]
    found = [
        {**server, "running": f"{server['workers']} of {server['wanted']}"}
        for server in answer["servers"]
    ]
    _part(heads, [[server[key] for key in keys] for server in found], "servers")
    keys = ["name", "revision", "behind", "seconds"]
    _part(
        ["worker", "revision", "behind", "seen (s)"],
        [[w[k] for k in keys] for w in answer["workers"]],
        "workers",
    )
    rows = [
        [
            f"{o['kind']} {o['type']} {o['name']}",
            o["state"],
            len(o["workers"]),
            _since(o["since"]),
            o["why"],
        ]
        for o in answer["objects"]
    ]
    nothing = "objects" if everything else "objects that do not run"
    _part(["object", "state", "workers", "since", "why"], rows, nothing)
    keys = ["name", "holder", "token", "seconds"]
    _part(
        ["lease", "holder", "token", "ends in (s)"],
        [[x[k] for k in keys] for x in answer["leases"]],
        "leases",
    )
    queue = answer["queue"]
    if queue is not None:
        click.echo("")
        output.details(
            {"queue": ", ".join(f"{key} {output.text(value)}" for key, value in queue.items())}
        )
    for line in answer["unknown"]:
        click.echo(f"not known: {line}", err=True)


def _part(heads: list[str], rows: list[list[Any]], title: str) -> None:
    click.echo("")
    output.table(heads, rows, title)


def _since(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds)) if seconds else ""


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
        help="Seconds between servers where no load-balancer is known, for the checks of one that is not Hansa's.",
    ),
    click.Option(
        ["--force"], is_flag=True, help="Even if it is the only server, or others are not ready."
    ),
)
def restart(
    client: Client, as_json: bool, names: tuple[str, ...], limit: float, pause: float, force: bool
) -> None:
    """Restart servers, one after the other, losing no request; all, unless some are named.

    Each is taken out of the load-balancer, finishes what it has, starts anew with what is installed and configured now, and is
    waited for before the next; if one does not come back, it stops there.
    """
    from .rolling import Rolling

    began = time.monotonic()
    rolling = Rolling(
        client, (lambda line: None) if as_json else click.echo, limit=limit, pause=pause
    )
    done = rolling.run(names, force=force)
    seconds = round(time.monotonic() - began, 1)
    if as_json:
        output.print_json({"servers": done, "seconds": seconds})
    else:
        click.echo(f"restarted {', '.join(server['name'] for server in done)} in {seconds:g} s")
