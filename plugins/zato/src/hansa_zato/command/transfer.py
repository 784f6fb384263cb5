"""`hansa import zato` and `hansa zato export`: definitions from and to files of enmasse."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import click
from hansa_cli import output
from hansa_cli.client import Client
from hansa_cli.files import write_private
from hansa_cli.lost import answer_may_be_lost
from hansa_cli.outcome import check_outcomes

from ..enmasse.exporting import FORMS, export as objects_of, text_of
from ..enmasse.findings import CODES, Finding
from ..enmasse.importing import Plan, ServerRefused, Wishes, apply, plan
from .server import ServerApi

FAULTY: Final = 1
"""Exit code where the file or the server has an error: nothing is changed."""
CHANGES: Final = 4
"""Exit code of `--check` where something would change."""
NOT_WHOLE: Final = 5
"""Exit code of `--check` where not every object is carried over."""


def run_import(client: Client, as_json: bool, file: Path, given: Mapping[str, object]) -> None:
    """Show what importing a file would change, and change it if asked to; `given` has the options."""
    api = ServerApi(client)
    wishes = Wishes(
        os.environ,
        ask=_ask if sys.stdin.isatty() and not as_json else None,
        keep_variables=bool(given["keep_variables"]),
        replace_passwords=bool(given["passwords"]),
        wait=float(str(given["wait"])),
        without=frozenset(_texts(given["without"])),
    )
    found = plan(file, api, wishes)
    answer = _applied(found, api, file) if given["applied"] and not found.has_errors else {}
    if as_json:
        output.print_json({**found.show(), "applied": answer or None})
    else:
        _show(found)
        if answer:
            output.done(answer, "imported")
        elif not found.has_errors and found.changes:
            click.echo("nothing is changed; --apply does it")
    if found.has_errors:
        sys.exit(FAULTY)
    check_outcomes(answer)
    if given["check"]:
        sys.exit(_checked(found))


def _texts(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, tuple) else ()


def _applied(found: Plan, api: ServerApi, file: Path) -> dict[str, object]:
    """Make the changes; what is refused only now is added to the findings."""
    try:
        with answer_may_be_lost(f"`hansa import zato {file}` shows what is left to import"):
            return apply(found, api)
    except ServerRefused as refused:
        found.translation.findings += [
            Finding("E13", f"{path}: {fault}") for path, fault in refused.errors.items()
        ]
        return {}


def _checked(found: Plan) -> int:
    if not found.is_whole:
        return NOT_WHOLE
    return CHANGES if found.changes else 0


def _ask(prompt: str) -> str:
    answer: str = click.prompt(prompt, hide_input=True, default="", show_default=False, err=True)
    return answer


def _show(found: Plan) -> None:
    if found.findings:
        print_findings(found.findings)
        click.echo()
    if not found.has_errors:
        output.changes({"changes": found.changes, "unchanged": found.unchanged})
    if not found.is_whole:
        click.echo(f"{len(found.translation.left_out)} not carried over")


def print_findings(findings: list[Finding]) -> None:
    """Print a table of what is to be said."""
    rows = [
        (one.code, CODES[one.code], one.where, one.subject, _with_advice(one)) for one in findings
    ]
    output.table(("code", "", "where", "object", "why"), rows)


def _with_advice(one: Finding) -> str:
    return f"{one.message}; instead: {one.instead}" if one.instead else one.message


def run_export(client: Client, as_json: bool, file: str, form: str) -> None:
    """Write the definitions as a file of enmasse."""
    config = client.call("admin.config.export", {"secrets": "env"})
    made = objects_of(config, FORMS[form])
    text = text_of(made, FORMS[form])
    if as_json:
        findings = [one.show() for one in made.findings]
        output.print_json({"objects": made.sections, "findings": findings})
    elif file == "-":
        click.echo(text, nl=False)
    if file != "-":
        write_private(Path(file), text)
        if not as_json:
            number = sum(len(items) for items in made.sections.values())
            click.echo(f"{file}: {number} objects")
    if made.findings and not as_json:
        for one in made.findings:
            click.echo(f"{one.code} {one.subject}: {_with_advice(one)}", err=True)
