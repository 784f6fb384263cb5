"""The commands `hansa doctor`, `hansa support-bundle` and `hansa upgrade --check`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click

_PLACE = click.argument("path", type=click.Path(path_type=Path, file_okay=False, exists=True))
_SIGNS: Final = {"ok": "ok     ", "warning": "warning", "fault": "FAULT  "}


@click.command()
@_PLACE
@click.option("--strict", is_flag=True, help="Warnings count as faults for the exit code.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def doctor(context: click.Context, path: Path, strict: bool, as_json: bool) -> None:
    """Examine the cluster or server in the folder PATH, whether it runs or not, and say of each
    finding what to do; exit code 1 if there is a fault.
    """
    from hansa_quickstart.place import open_place

    from .examining import examine_place

    results = []
    for result in examine_place(open_place(path)):
        results.append(result)
        if not as_json:
            place = f"{result.server} {result.examination}"
            click.echo(f"{_SIGNS[result.level]}  {place:24}  {result.text}")
            if result.remedy:
                click.echo(f"{'':37}-> {result.remedy}")
    counts = {level: sum(one.level == level for one in results) for level in _SIGNS}
    if as_json:
        click.echo(json.dumps({"results": [asdict(one) for one in results], **counts}, indent=1))
    else:
        click.echo(
            f"{counts['fault']} faults, {counts['warning']} warnings, {counts['ok']} in order"
        )
    context.exit(1 if counts["fault"] or (strict and counts["warning"]) else 0)


@click.command("support-bundle")
@_PLACE
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Print the names of the members as JSON.")
def support_bundle(path: Path, file: Path, as_json: bool) -> None:
    """Write a new FILE for support, a compressed tar: what the doctor finds, versions, settings,
    definitions and the ends of logs of the cluster or server in PATH, with a mask in place of
    secrets.
    """
    from hansa_quickstart.place import open_place

    from .bundle import write_bundle

    names = write_bundle(open_place(path), file.expanduser().resolve())
    if as_json:
        click.echo(json.dumps({"file": str(file), "members": names}, indent=1))
        return
    for name in names:
        click.echo(name)
    click.echo(f"{file}: look through it before you hand it on")


@click.command()
@_PLACE
@click.option("--check", "is_check", is_flag=True, help="Say what the upgrade will do; needed.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def upgrade(context: click.Context, path: Path, is_check: bool, as_json: bool) -> None:
    """Say what a restart of the cluster or server in the folder PATH does with what is installed now:
    whether it can start, and how the ODB is upgraded. Changes nothing; exit code 1 if it cannot.
    """
    from hansa_quickstart.place import open_place

    from .upgrade import check_upgrade

    if not is_check:
        message = (
            "upgrade by hansa cluster restart; hansa upgrade PATH --check says what it will do"
        )
        raise click.UsageError(message)
    results = list(check_upgrade(open_place(path)))
    can = all(one.level != "fault" for one in results)
    if as_json:
        found = [asdict(one) for one in results]
        click.echo(json.dumps({"can": can, "results": found}, indent=1))
    else:
        for one in results:
            click.echo(f"{_SIGNS[one.level]}  {one.text}")
            if one.remedy:
                click.echo(f"{'':9}-> {one.remedy}")
        click.echo("It can be upgraded." if can else "It cannot be upgraded as it is.")
    context.exit(0 if can else 1)
