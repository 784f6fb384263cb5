"""The commands of this plugin: `hansa new plugin`, `hansa new service`, `hansa plugin check`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
from hansa import HansaError


def add_commands(commands: click.Group) -> None:
    """Add them to the `hansa` command, and to groups that other plugins may have made already."""
    new = _group(commands, "new", "Write the files of a new plugin or service.")
    new.add_command(new_plugin)
    new.add_command(new_service)
    _group(commands, "plugin", "Manage plugins.").add_command(check)


def _group(commands: click.Group, name: str, help: str) -> click.Group:
    found = commands.commands.get(name)
    if not isinstance(found, click.Group):
        found = click.Group(name, help=help)
        commands.add_command(found)
    return found


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
folder = click.option(
    "--dir",
    "folder",
    default=".",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to write to.",
)


@click.command("plugin")
@click.argument("name")
@click.option("--channel", is_flag=True, help="With a channel.")
@click.option("--outgoing", is_flag=True, help="With an outgoing connection.")
@click.option("--format", is_flag=True, help="With a data format.")
@click.option("--security", is_flag=True, help="With a security type.")
@folder
@as_json
def new_plugin(
    name: str,
    channel: bool,
    outgoing: bool,
    format: bool,
    security: bool,
    folder: Path,
    as_json: bool,
) -> None:
    """Write a complete plugin, in a folder hansa-NAME: package, README and passing tests.

    Without options it has a channel and an outgoing connection.
    """
    from .writing import new_plugin as write

    chosen = {"channel": channel, "outgoing": outgoing, "format": format, "security": security}
    kinds = {kind for kind, wanted in chosen.items() if wanted} or {"channel", "outgoing"}
    try:
        files = write(name, kinds, folder)
    except HansaError as error:
        raise click.ClickException(error.detail) from None
    home = folder / f"hansa-{name.removeprefix('hansa-')}"
    _report(files, as_json, f"Next: cd {home} && pip install -e '.[test]' && hansa plugin check")


@click.command("service")
@click.argument("name")
@folder
@as_json
def new_service(name: str, folder: Path, as_json: bool) -> None:
    """Write a service with typed input and output, NAME.py, and a test of it."""
    from .writing import new_service as write

    try:
        files = write(name, folder)
    except HansaError as error:
        raise click.ClickException(error.detail) from None
    _report(files, as_json, f"Next: pytest {files[1]} && hansa deploy {files[0]}")


@click.command("check")
@click.argument("target", metavar="[PATH|NAME]", default=".")
@click.option(
    "--installed",
    is_flag=True,
    help="Only load what is installed here, NAME or all, as a server would; no tests are needed.",
)
@as_json
def check(target: str, installed: bool, as_json: bool) -> None:
    """Check a plugin: declaration, imports, documentation, how it loads, the conformance suite of
    each of its types, and the quality level that it reaches.

    PATH is its folder (by default this one), NAME that of a plugin installed in editable form. Ends
    with status 1 if it fails.
    """
    from .check import check_installed, check_plugin, locate

    try:
        if installed:
            findings = check_installed("" if target == "." else target)
        else:
            findings = check_plugin(locate(target))
    except HansaError as error:
        raise click.ClickException(error.detail) from None
    if as_json:
        found = {finding.check: finding.faults for finding in findings}
        notes = {finding.check: finding.note for finding in findings if finding.note}
        click.echo(json.dumps({**found, "notes": notes}, indent=2))
    else:
        for finding in findings:
            note = f": {finding.note}" if finding.note else ""
            click.echo(f"{'FAIL' if finding.faults else 'ok':4}  {finding.check}{note}")
            for fault in finding.faults:
                click.echo(f"      {fault}")
    if any(finding.faults for finding in findings):
        sys.exit(1)


def _report(files: list[Path], as_json: bool, hint: str) -> None:
    if as_json:
        click.echo(json.dumps({"files": [str(file) for file in files]}, indent=2))
        return
    for file in files:
        click.echo(file)
    click.echo(hint)
