"""The commands of the admin plugin: deploy, invoke, export, plan, apply, service, plugin, server, and the groups of every kind."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from . import cluster, output
from .client import Client
from .connection import command
from .packages import deploy, service_delete, service_packages, service_rollback, service_source
from .types import KindGroup

NAME = click.Argument(["name"])


@command(
    "invoke",
    click.Argument(["service"]),
    click.Option(["--payload"], help="Input as JSON; @FILE reads a file, - standard input."),
)
def invoke(client: Client, as_json: bool, service: str, payload: str | None) -> None:
    """Call a service and print its answer."""
    data: dict[str, Any] = {"name": service}
    if payload is not None:
        text = (
            sys.stdin.read()
            if payload == "-"
            else _text(payload[1:])
            if payload.startswith("@")
            else payload
        )
        try:
            data["payload"] = json.loads(text)
        except ValueError as error:
            raise click.UsageError(f"--payload: not valid JSON: {error}") from None
    with output.progress(f"invoking {service}", as_json):
        answer = client.call("admin.service.invoke", data)
    if as_json:
        output.print_json(answer)
    elif isinstance(answer["payload"], str):
        click.echo(answer["payload"])
    elif answer["payload"] is not None:
        output.print_json(answer["payload"])


@command(
    "export",
    click.Argument(["file"]),
    click.Option(["--services"], is_flag=True, help="Also the sources of deployed files."),
)
def export(client: Client, as_json: bool, file: str, services: bool) -> None:
    """Write all definitions to FILE, as TOML if it ends in .toml, else as JSON; - prints JSON."""
    from .files import write_config

    found = client.call("admin.config.export", {"services": services})
    if file == "-" or as_json:
        output.print_json(found)
    if file != "-":
        write_config(Path(file), found)
        count = sum(
            len(named)
            for kind, types in found.items()
            if kind != "services"
            for named in types.values()
        )
        if not as_json:
            click.echo(
                f"{file}: {count} definitions"
                + (f", {len(found['services'])} sources" if services else "")
            )


PRUNE = click.Option(["--prune"], is_flag=True, help="Also delete what the file does not name.")


@command("plan", click.Argument(["file"]), PRUNE)
def plan(client: Client, as_json: bool, file: str, prune: bool) -> None:
    """Show what applying FILE would change; nothing is changed."""
    from .files import read_config

    answer = client.call("admin.config.plan", {"config": read_config(file), "prune": prune})
    if as_json:
        output.print_json(answer)
    else:
        output.changes(answer)


@command("apply", click.Argument(["file"]), PRUNE)
def apply(client: Client, as_json: bool, file: str, prune: bool) -> None:
    """Make the definitions those of FILE; all faults are told before anything is changed."""
    from .files import read_config

    data = {"config": read_config(file), "prune": prune}
    with output.progress(f"applying {file}", as_json):
        answer = client.call("admin.config.apply", data)
    if as_json:
        output.print_json(answer)
    else:
        output.changes(answer)
        output.done(answer, "applied")


FILTER = click.Option(["--filter"], default="", help="Only those whose name contains this text.")


@command("list", FILTER)
def service_list(client: Client, as_json: bool, filter: str) -> None:
    """List the services, where each comes from and which channels use it."""
    answer = client.call("admin.service.list", {"filter": filter})
    if as_json:
        output.print_json(answer)
    else:
        rows = [
            [i["name"], i["origin"], i["version"] or "", i["channels"], i["help"]]
            for i in answer["items"]
        ]
        output.table(["name", "from", "version", "channels", "help"], rows, "services")


@command("get", NAME, click.Option(["--source"], is_flag=True, help="Print the source alone."))
def service_get(client: Client, as_json: bool, name: str, source: bool) -> None:
    """Show one service: versions, input, output, channels."""
    answer = client.call("admin.service.get", {"name": name})
    if source:
        click.echo(answer["source"] or "", nl=False)
    elif as_json:
        output.print_json(answer)
    else:
        versions = answer.pop("versions")
        answer.pop("source")
        output.details(answer)
        if versions:
            keys = ["version", "current", "deployed_by", "services", "sha256"]
            output.table(keys, [[v[key] for key in keys] for v in versions])


@command("list")
def plugin_list(client: Client, as_json: bool) -> None:
    """List the installed plugins and what each gives."""
    answer = client.call("admin.plugin.list")
    if as_json:
        output.print_json(answer)
    else:
        rows = [
            [i["name"], i["version"], i["status"], i["why"], i["types"], len(i["services"])]
            for i in answer["items"]
        ]
        output.table(["name", "version", "status", "why", "types", "services"], rows, "plugins")


@command("reload", NAME)
def plugin_reload(client: Client, as_json: bool, name: str) -> None:
    """Load a plugin anew from its files."""
    _told(client.call("admin.plugin.reload", {"name": name}), as_json, f"{name}: being loaded anew")


@command(
    "block", NAME, click.Option(["--off", "off"], is_flag=True, help="Let it be loaded again.")
)
def plugin_block(client: Client, as_json: bool, name: str, off: bool) -> None:
    """Keep a plugin from being loaded."""
    answer = client.call("admin.plugin.block", {"name": name, "blocked": not off})
    _told(answer, as_json, f"{name}: {'loaded again' if off else 'blocked'}")


@command("reload")
def server_reload(client: Client, as_json: bool) -> None:
    """Replace the workers one by one; no request is lost."""
    _told(client.call("admin.server.reload"), as_json, "the workers are being replaced, one by one")


@command("status")
def server_status(client: Client, as_json: bool) -> None:
    """Show the server: workers, revision, what does not run."""
    answer = client.call("admin.server.status")
    if as_json:
        output.print_json(answer)
    else:
        workers = answer.pop("workers", {})
        output.details({"address": client.url, **answer})
        rows = [
            [name, w["server"], w["revision"], w["not_running"] or ""]
            for name, w in workers.items()
        ]
        output.table(["worker", "server", "revision", "not running"], rows, "workers")


def _told(answer: Any, as_json: bool, line: str) -> None:
    if as_json:
        output.print_json(answer)
    else:
        output.done(answer or {}, line)


def _text(path: str) -> str:
    try:
        return Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{path} cannot be read: {error}") from None


def add_commands(commands: click.Group) -> None:
    """Add everything to the `hansa` command."""
    groups = {
        "service": (
            "Deployed services.",
            [
                service_list,
                service_get,
                service_packages,
                service_source,
                service_rollback,
                service_delete,
            ],
        ),
        "plugin": ("Installed plugins.", [plugin_list, plugin_reload, plugin_block]),
        "cluster": ("The servers of a cluster together.", [cluster.status, cluster.restart]),
        "server": ("Run a server; look after a running one.", [server_reload, server_status]),
    }
    for each in (deploy, invoke, export, plan, apply):
        commands.add_command(each)
    for name, (help, members) in groups.items():
        group = commands.commands.get(name)
        if not isinstance(group, click.Group):
            group = click.Group(name, help=help)
            commands.add_command(group)
        for member in members:
            group.add_command(member)
    commands.add_command(KindGroup("channel", "Channels, which bring requests in."))
    commands.add_command(KindGroup("outgoing", "Connections out, which services use."))
    commands.add_command(KindGroup("security", "Security definitions, which tell callers apart."))
