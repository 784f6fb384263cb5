"""`hansa dictionary` and `hansa translation`: values and their translations, on the command line."""

from __future__ import annotations

import bz2
from pathlib import Path
from typing import Any

import click
from hansa_cli import output
from hansa_cli.client import Client
from hansa_cli.connection import command
from hansa_cli.listing import given, paging, print_rest
from hansa_cli.plain import JsonObject

BZIP2 = b"BZh"
"""How a file begins that is compressed by bzip2, as Zato's exports are."""
VALUE_COLUMNS = {"system": "system", "key": "key", "value": "value"}
TRANSLATION_COLUMNS = {
    "system1": "system1",
    "key1": "key1",
    "value1": "value1",
    "system2": "system2",
    "key2": "key2",
    "value2": "value2",
}
FILTER = click.Option(["--filter"], default="", help="Only values that contain this text.")


def _arguments(*names: str) -> list[click.Parameter]:
    return [click.Argument([name]) for name in names]


def _print_change(answer: JsonObject, as_json: bool, what: str) -> None:
    """Print what became of a change of one row."""
    if as_json or answer["revision"] is not None:
        output.report(answer, as_json, what)
    else:
        click.echo("nothing to change")


# -- dictionaries ----------------------------------------------------------------------------------


@command(
    "list",
    click.Option(["--system"], default="", help="Only of this system."),
    click.Option(["--key"], default="", help="Only of this key."),
    FILTER,
    *paging("values"),
)
def list_values(client: Client, as_json: bool, **values: Any) -> None:
    """List the values of dictionaries."""
    answer = client.call("admin.dictionary.list", given(values))
    if as_json:
        output.print_json(answer)
        return
    output.listing(answer["items"], VALUE_COLUMNS, "values")
    print_rest(len(answer["items"]), answer["total"])


@command("create", *_arguments("system", "key", "value"))
def create_value(client: Client, as_json: bool, **values: Any) -> None:
    """Add VALUE to the dictionary of SYSTEM and KEY."""
    answer = client.call("admin.dictionary.create", values)
    _print_change(answer, as_json, "added")


@command("edit", *_arguments("system", "key", "value", "renamed"))
def edit_value(client: Client, as_json: bool, **values: Any) -> None:
    """Change VALUE of a dictionary to RENAMED, in all translations, too."""
    answer = client.call("admin.dictionary.edit", values)
    _print_change(answer, as_json, "changed")


@command("delete", *_arguments("system", "key", "value"))
def delete_value(client: Client, as_json: bool, **values: Any) -> None:
    """Delete VALUE of a dictionary, which no translation may use."""
    answer = client.call("admin.dictionary.delete", values)
    _print_change(answer, as_json, "deleted")


@command(
    "export",
    click.Argument(["file"], type=click.Path(path_type=Path), required=False),
    click.Option(
        ["--csv", "part"],
        type=click.Choice(["dictionaries", "translations"]),
        help="Write this part as CSV, a row for each value; by default everything is JSON.",
    ),
)
def export(client: Client, as_json: bool, file: Path | None, part: str | None) -> None:
    """Write all dictionaries and translations to FILE, or to the terminal."""
    asked = {"format": "json"} if part is None else {"format": "csv", "part": part}
    answer = client.call("admin.dictionary.export", asked)
    if as_json:
        output.print_json(answer)
    elif file is None:
        click.echo(answer["text"], nl=False)
    else:
        file.write_text(answer["text"], encoding="utf-8")
        click.echo(f"written to {file}")


@command(
    "import",
    click.Argument(["file"], type=click.Path(exists=True, dir_okay=False, path_type=Path)),
    click.Option(["--replace"], is_flag=True, help="Also delete what the file does not have."),
    click.Option(["--plan"], is_flag=True, help="Only show what would change."),
)
def import_(client: Client, as_json: bool, file: Path, replace: bool, plan: bool) -> None:
    """Import FILE: JSON or CSV as `export` writes them, or an export of Zato."""
    asked = {"text": _content(file), "replace": replace, "plan": plan}
    answer = client.call("admin.dictionary.import", asked)
    if as_json:
        output.print_json(answer)
        return
    if plan:
        output.listing(answer["items"], _CHANGE_COLUMNS, "changes")
    counts = f"{answer['created']} new, {answer['edited']} changed, {answer['deleted']} deleted"
    output.done(answer, f"{'planned' if plan else 'imported'}: {counts}")


_CHANGE_COLUMNS = {"action": "action", "of": "of", "value": "value", "old": "old", "new": "new"}


def _content(file: Path) -> str:
    """Return the text of a file, which may be compressed by bzip2; raises a usage error."""
    try:
        raw = file.read_bytes()
        return (bz2.decompress(raw) if raw.startswith(BZIP2) else raw).decode("utf-8-sig")
    except (OSError, ValueError) as error:
        raise click.UsageError(f"{file} cannot be read: {error}") from None


# -- translations ----------------------------------------------------------------------------------


@command(
    "list",
    click.Option(["--system1"], default="", help="Only from this system."),
    click.Option(["--key1"], default="", help="Only from this key."),
    click.Option(["--system2"], default="", help="Only to this system."),
    click.Option(["--key2"], default="", help="Only to this key."),
    FILTER,
    *paging("translations"),
)
def list_translations(client: Client, as_json: bool, **values: Any) -> None:
    """List what values of one system are in another."""
    answer = client.call("admin.translation.list", given(values))
    if as_json:
        output.print_json(answer)
        return
    output.listing(answer["items"], TRANSLATION_COLUMNS, "translations")
    print_rest(len(answer["items"]), answer["total"])


@command("create", *_arguments("system1", "key1", "value1", "system2", "key2", "value2"))
def create_translation(client: Client, as_json: bool, **values: Any) -> None:
    """Have VALUE1 of one system be VALUE2 in another."""
    answer = client.call("admin.translation.create", values)
    _print_change(answer, as_json, "added")


@command(
    "edit",
    *_arguments("system1", "key1", "value1", "system2", "key2", "value2"),
    click.Option(["--renamed"], default="", help="What VALUE1 is to be."),
)
def edit_translation(client: Client, as_json: bool, **values: Any) -> None:
    """Have VALUE1, which has a translation, be VALUE2 in the other system from now on."""
    answer = client.call("admin.translation.edit", values)
    _print_change(answer, as_json, "changed")


@command("delete", *_arguments("system1", "key1", "value1", "system2", "key2"))
def delete_translation(client: Client, as_json: bool, **values: Any) -> None:
    """Translate VALUE1 no more."""
    answer = client.call("admin.translation.delete", values)
    _print_change(answer, as_json, "deleted")


@command(
    "translate",
    *_arguments("system1", "key1", "value1", "system2", "key2"),
    click.Option(["--default"], default="", help="What a value without a translation is to be."),
)
def translate(client: Client, as_json: bool, **values: Any) -> None:
    """Print what VALUE1 of one system is in another, as services get it."""
    answer = client.call("admin.translation.translate", values)
    if as_json:
        output.print_json(answer)
    else:
        output.details(answer)


dictionary = click.Group(
    "dictionary",
    help="Data dictionaries: the values that systems know.",
    commands=[list_values, create_value, edit_value, delete_value, export, import_],
)
translation = click.Group(
    "translation",
    help="Translations: what values of one system are in another.",
    commands=[
        list_translations,
        create_translation,
        edit_translation,
        delete_translation,
        translate,
    ],
)
