"""`hansa export`, `hansa plan` and `hansa apply`: all definitions as one file."""

from __future__ import annotations

from pathlib import Path

import click

from . import output
from .client import Client
from .connection import command
from .plain import JsonObject

PRUNE = click.Option(["--prune"], is_flag=True, help="Also delete what the file does not name.")


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
    if file == "-":
        return
    write_config(Path(file), found)
    if not as_json:
        sources = f", {len(found['services'])} sources" if services else ""
        click.echo(f"{file}: {_number_of_definitions(found)} definitions{sources}")


def _number_of_definitions(config: JsonObject) -> int:
    kinds = [types for kind, types in config.items() if kind != "services"]
    return sum(len(definitions) for types in kinds for definitions in types.values())


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
    """Make the definitions those of FILE; all faults are reported before anything is changed."""
    from .files import read_config

    data = {"config": read_config(file), "prune": prune}
    with output.progress(f"applying {file}", as_json):
        answer = client.call("admin.config.apply", data)
    if as_json:
        output.print_json(answer)
    else:
        output.changes(answer)
        output.done(answer, "applied")
