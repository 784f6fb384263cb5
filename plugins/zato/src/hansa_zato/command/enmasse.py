"""`zato enmasse`: imports and exports files as Zato's own command does."""

from __future__ import annotations

import argparse
import datetime
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import click
from hansa_cli.files import write_private

from ..enmasse.exporting import Exported, export, text_of
from ..enmasse.findings import Finding
from ..enmasse.importing import Plan, ServerRefused, Wishes, apply, plan
from ..enmasse.reading import Document, missing_definitions, read
from ..mapping import Generation
from ..payloads import PlainDict
from .grid import problems
from .server import ServerApi, server_in


def enmasse(words: list[str]) -> int:
    """Import or export; returns the exit code: 0, 1 for what is wrong, 2 for wrong usage."""
    parser = _parser()
    arguments = parser.parse_args(words)
    folder = arguments.path or arguments.folder
    is_export = arguments.export_local or arguments.export_odb
    if not (is_export or arguments.imported):
        parser.error("one of --import, --export-local and --export-odb is required")
    if folder is None:
        parser.error("the folder of a server is required")
    if arguments.imported and arguments.input is None:
        parser.error("--import requires --input")
    try:
        if is_export:
            return _export(arguments, folder)
        return _import(arguments, folder)
    except ServerRefused as refused:
        for path, fault in refused.errors.items():
            print(f"{path}: {fault}", file=sys.stderr)
    except click.ClickException as error:
        print(error.format_message(), file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser("zato enmasse", description="Import and export definitions.")
    made.add_argument("folder", nargs="?", type=Path, metavar="path", help="folder of a server")
    made.add_argument("--path", type=Path, help="the same")
    made.add_argument("--server-url", default="", help="URL of the server, if not in its folder")
    made.add_argument("--input", type=Path, help="file to import, or to merge into an export")
    made.add_argument("--output", type=Path, help="file to export to")
    made.add_argument("--import", dest="imported", action="store_true", help="import --input")
    made.add_argument(
        "--export-local", action="store_true", help="export --input with its includes"
    )
    made.add_argument(
        "--export-odb", "--export", action="store_true", help="export the server's definitions"
    )
    made.add_argument(
        "--ignore-missing-defs",
        action="store_true",
        help="export --input although definitions are missing in it",
    )
    made.add_argument(
        "--replace-odb-objects",
        "--replace",
        action="store_true",
        help="change definitions that are there already",
    )
    made.add_argument(
        "--format", choices=["json", "yaml", "minimal"], default="json", help="form of an export"
    )
    made.add_argument("--include-type", default="", help="only objects of these types")
    made.add_argument("--include-name", default="", help="only objects of these names")
    made.add_argument(
        "--missing-wait-time", type=float, default=0, help="seconds to wait for services"
    )
    made.add_argument("--env-file", type=Path, help="file with variables, NAME=value")
    made.add_argument("--cols_width", "--cols-width", default="15,100", help="widths of columns")
    return made


# -- import ----------------------------------------------------------------------------------------


def _import(arguments: argparse.Namespace, folder: Path) -> int:
    api = ServerApi(server_in(folder, arguments.server_url))
    wishes = Wishes(
        {**os.environ, **_variables(arguments.env_file)},
        wait=arguments.missing_wait_time,
        sections=_words(arguments.include_type),
        names=_words(arguments.include_name),
    )
    found = plan(arguments.input, api, wishes)
    replaces = arguments.replace_odb_objects or found.translation.generation == "minimal"
    if not replaces:
        found.translation.findings += _existing(found)
    if found.findings:
        print(problems(found.findings, arguments.cols_width))
    if found.has_errors or any(one.code == "W01" for one in found.findings):
        return 1
    apply(found, api)
    for change in found.changes:
        print(_told(found, change))
    if not found.changes:
        print("Nothing to change")
    return 0


def _existing(found: Plan) -> Iterator[Finding]:
    """Tell which definitions would be changed that are there already."""
    for change in found.changes:
        definition = found.translation.definitions.get(_key(change))
        if change["action"] == "edit" and definition is not None:
            names = ", ".join(change["settings"])
            why = f"differs in {names}; --replace-odb-objects changes it"
            yield definition.source.finding("W01", why)


def _told(found: Plan, change: PlainDict) -> str:
    definition = found.translation.definitions.get(_key(change))
    section = definition.source.section if definition else change["type"]
    word = "Created" if change["action"] == "create" else "Updated"
    return f"{word} object '{change['name']}' ({section})"


def _key(change: PlainDict) -> tuple[str, str, str]:
    return (change["kind"], change["type"], change["name"])


def _words(text: str) -> frozenset[str]:
    return frozenset(word.strip() for word in text.split(",") if word.strip() not in ("", "all"))


def _variables(file: Path | None) -> dict[str, str]:
    """Return the variables of a file; raises a usage error."""
    if file is None:
        return {}
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"--env-file: {file} cannot be read: {error}") from None
    found = {}
    for line in lines:
        name, equals, value = line.strip().partition("=")
        if equals and not name.startswith(("#", "[")):
            found[name.strip()] = value.strip().strip("'\"")
    return found


# -- export ----------------------------------------------------------------------------------------

_FORMS: dict[str, Generation] = {"json": "2.0", "yaml": "3.x", "minimal": "minimal"}


def _export(arguments: argparse.Namespace, folder: Path) -> int:
    generation = _FORMS[arguments.format]
    made = Exported()
    if arguments.export_local:
        if arguments.input is None:
            raise click.UsageError("--export-local requires --input")
        document = read(arguments.input)
        found = list(document.findings)
        if not arguments.ignore_missing_defs and not arguments.export_odb:
            found += missing_definitions(document)
        if found:
            print(problems(found, arguments.cols_width))
            return 1
        made = _objects(document)
        print("Includes merged in successfully")
    if arguments.export_odb:
        client = server_in(folder, arguments.server_url)
        stored = export(client.call("admin.config.export", {"secrets": "env"}), generation)
        print("ODB objects read")
        _merge(made, stored)
        print("ODB objects merged in")
        for one in stored.findings:
            print(f"{one.code} {one.subject}: {one.message}", file=sys.stderr)
    path = arguments.output or _path(generation)
    write_private(path, text_of(made, generation))
    print(f"Data exported to {path.resolve()}")
    return 0


def _objects(document: Document) -> Exported:
    made = Exported()
    for one in document.objects:
        made.add(one.section, one.item)
    return made


def _merge(made: Exported, stored: Exported) -> None:
    """Add the objects of the server that the file does not have."""
    for section, items in stored.sections.items():
        there = {_name(item) for item in made.sections.get(section, [])}
        for item in items:
            if _name(item) not in there:
                made.add(section, item)


def _name(item: PlainDict) -> object:
    """Return what an object is known by: permissions and subscriptions have no names."""
    return item.get("name") or (item.get("security"), item.get("topic_list"))


def _path(generation: Generation) -> Path:
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    moment = now.isoformat().replace(":", "_").replace(".", "_")
    return Path(f"zato-export-{moment}.{'json' if generation == '2.0' else 'yml'}")
