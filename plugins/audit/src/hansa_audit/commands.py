"""`hansa audit list | verify | export`: the audit log, on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from hansa_cli import output
from hansa_cli.client import Client
from hansa_cli.connection import command
from hansa_cli.listing import given, paging, print_rest
from hansa_cli.moment import Moment
from hansa_cli.plain import JsonObject

PAGE = 1000
"""Records that one request of an export asks for."""
FAULTY = 1
"""The exit code of a verification that found something."""


def conditions() -> list[click.Parameter]:
    """Return new options for one command: the conditions on records."""
    return [
        click.Option(["--by"], default="", help="Only of this caller."),
        click.Option(
            ["--service"], default="", help="Only of services whose name contains this text."
        ),
        click.Option(
            ["--outcome"], default="", help="Only with this outcome, such as ok or forbidden."
        ),
        click.Option(["--text"], default="", help="Only records that contain this text."),
        click.Option(
            ["--since"], type=Moment(), help="Only from then on, such as 2026-11-22T08:00."
        ),
        click.Option(["--until"], type=Moment(), help="Only up to then."),
    ]


@command(
    "list",
    *conditions(),
    *paging("records"),
)
def list_(client: Client, as_json: bool, **values: Any) -> None:
    """List who did what, the newest first."""
    answer = client.call("admin.audit.list", given(values))
    if as_json:
        output.print_json(answer)
        return
    rows = []
    for item in answer["items"]:
        what = item.get("changes") or item.get("names", [])
        row = [
            item["number"],
            output.moment(item.get("at", 0.0)),
            item.get("by", ""),
            item.get("address", ""),
            item.get("service", ""),
            ", ".join(what),
            item.get("outcome", ""),
            item.get("revision"),
        ]
        rows.append(row)
    columns = ["number", "at", "by", "address", "service", "what", "outcome", "revision"]
    output.table(columns, rows, "audit records")
    print_rest(len(rows), answer["total"])


@command(
    "verify",
    click.Option(
        ["--file"],
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Exported file to verify, instead of the log of a server.",
    ),
)
def verify(client: Client, as_json: bool, file: Path | None) -> None:
    """Find records that were changed, removed or inserted; exit code 1 if there are any."""
    answer = verified_file(file) if file else client.call("admin.audit.verify")
    if as_json:
        output.print_json(answer)
    else:
        for fault in answer["faults"]:
            click.echo(f"{fault['number']}: {fault['fault']}")
        click.echo(f"{answer['records']} records, {answer['first']} to {answer['last']}")
        click.echo(f"digest of the newest: {answer['digest']}")
        if not answer["end_known"]:
            click.echo("Whether the newest ones were removed is not known.")
    if answer["faults"]:
        raise click.exceptions.Exit(FAULTY)


def verified_file(file: Path) -> JsonObject:
    """Return what the verification of an exported file finds, as the admin service does."""
    import msgspec
    from hansa import JournalRecord

    from .verification import Verifier, shown

    verifier = Verifier()
    with file.open(encoding="utf-8", errors="replace") as lines:
        for position, line in enumerate(lines, 1):
            text = line.rstrip("\n")
            try:
                number = int(msgspec.json.decode(text)["number"])
            except (msgspec.DecodeError, KeyError, TypeError, ValueError):
                raise click.ClickException(f"{file}, line {position}: not a record") from None
            verifier.read([JournalRecord(number, text)])
    return shown(verifier.end(is_part=True), end_known=False)


@command("export", *conditions())
def export(client: Client, as_json: bool, **values: Any) -> None:
    """Print records as JSON lines, the oldest first, as they are stored and hashed."""
    wanted = {**given(values), "limit": PAGE}
    after = 0
    while True:
        page = client.call("admin.audit.export", {**wanted, "after": after})
        click.echo(page["lines"], nl=False)
        after = page["last"]
        if not after:
            return


audit = click.Group("audit", help="Who administered what, and when.")
for _command in (list_, verify, export):
    audit.add_command(_command)
