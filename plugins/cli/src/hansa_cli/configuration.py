"""`hansa export`, `hansa plan` and `hansa apply`: all definitions as one file."""

from __future__ import annotations

from pathlib import Path

import click

from . import output
from .client import Client
from .connection import command
from .lost import answer_may_be_lost
from .outcome import check_outcomes
from .plain import JsonObject

PRUNE = click.Option(["--prune"], is_flag=True, help="Also delete what the file does not name.")


@command(
    "export",
    click.Argument(["file"]),
    click.Option(["--services"], is_flag=True, help="Also the sources of deployed files."),
    click.Option(
        ["--secrets"],
        type=click.Choice(["encrypted", "env"]),
        default="encrypted",
        show_default=True,
        help="encrypted: for servers with the same key; env: placeholders for environment "
        "variables, for any other cluster, and a template of them in FILE.env.",
    ),
)
def export(client: Client, as_json: bool, file: str, services: bool, secrets: str) -> None:
    """Write all definitions to FILE, as TOML if it ends in .toml, else as JSON; - prints JSON."""
    from .files import write_config

    asked: JsonObject = {"services": services}
    if secrets != "encrypted":  # servers of an earlier version do not know it
        asked["secrets"] = secrets
    found = client.call("admin.config.export", asked)
    if file == "-" or as_json:
        output.print_json(found)
    if file == "-":
        return
    write_config(Path(file), found)
    if not as_json:
        sources = f", {len(found['services'])} sources" if services else ""
        click.echo(f"{file}: {_number_of_definitions(found)} definitions{sources}")
    if secrets == "env":
        _write_template(file, found, as_json)


def _write_template(file: str, config: JsonObject, as_json: bool) -> None:
    """Write the variables that exported definitions need to a file beside theirs."""
    from .environment import needed_variables, write_template

    template = Path(f"{file}.env")
    variables = needed_variables(config)
    added = write_template(template, variables)
    if not as_json:
        kept = len(variables) - len(added)
        there = f", {kept} were there" if kept else ""
        click.echo(f"{template}: {len(variables)} variables to set for the servers{there}")


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
    advice = f"`hansa plan {file}` shows what is left to apply"
    with output.progress(f"applying {file}", as_json), answer_may_be_lost(advice):
        answer = client.call("admin.config.apply", data)
    if as_json:
        output.print_json(answer)
    else:
        output.changes(answer)
        output.done(answer, "applied")
    check_outcomes(answer)
