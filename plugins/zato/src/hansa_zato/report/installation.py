"""Looks through the folder of an installation: its services, its files of enmasse, and its settings."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from ..enmasse.findings import Finding
from ..enmasse.parsing import Unparsable, parse
from ..enmasse.passwords import fill
from ..enmasse.reading import Document, read
from ..enmasse.translation import Translation, translate
from ..mapping import MAPPINGS, NOT_CARRIED
from .lines import Line, Report, Status
from .settings import is_configuration, read_settings, user_files
from .sources import modules_in, read_source

SKIPPED: Final = frozenset(
    {"__pycache__", "node_modules", "venv", "backup", "profiler", "logs", "site-packages"}
)
"""Folders that are not looked into, beside those whose names begin with a point."""
MOST_FILES: Final = 20_000
"""Files that are looked at."""

_SECTIONS: Final = frozenset(
    {
        *(mapping.section for mapping in MAPPINGS),
        *(mapping.minimal.partition(".")[0] for mapping in MAPPINGS),
        *(key.partition(".")[0] for key in NOT_CARRIED),
        "http_soap",
        "def_amqp",
        "def_jms_wmq",
    }
)
_MISSING: Final = frozenset({"W20"})


def report(folder: Path) -> Report:
    """Return what of an installation runs here, what differs, and what is missing."""
    made = Report(str(folder))
    files = list(islice(_files(folder), MOST_FILES + 1))
    if len(files) > MOST_FILES:
        del files[MOST_FILES:]
        why = f"has more than {MOST_FILES} files: the others are not looked at"
        made.lines.append(
            Line(".", 0, "missing", folder.name, why, "report its folders one by one")
        )
    sources = [path for path in files if path.suffix == ".py"]
    siblings = frozenset(modules_in(folder, sources))
    services: set[str] = set()
    for path in sources:
        found = read_source(path, str(path.relative_to(folder)), siblings)
        made.sources += 1
        made.services += len(found.services)
        made.lines += found.lines
        services |= set(found.services)
    for path in files:
        if path.suffix in (".json", ".yml", ".yaml") and _is_enmasse(path):
            _add_file(made, folder, path, services)
    for path in files:
        if is_configuration(path):
            _add_settings(made, folder, path)
    made.sort()
    return made


def _add_settings(made: Report, folder: Path, path: Path) -> None:
    """Add what becomes of the settings of a file, and which files of user configuration are there."""
    lines = read_settings(path, str(path.relative_to(folder)))
    made.settings += len(lines)
    made.lines += lines
    for file in user_files(path):
        is_there = file.is_file()
        status: Status = "runs" if is_there else "missing"
        why = "is read as it is, by self.user_config" if is_there else "is not there"
        made.lines.append(Line(_shown(folder, file), 0, status, file.name, why))


def _files(folder: Path) -> Iterator[Path]:
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(
            name for name in folders if name not in SKIPPED and not name.startswith(".")
        )
        for name in sorted(names):
            path = Path(where, name)
            is_wanted = path.suffix in (".py", ".json", ".yml", ".yaml") or is_configuration(path)
            if is_wanted and not path.is_symlink():
                yield path


def _is_enmasse(path: Path) -> bool:
    """Whether a file has keys of enmasse, and lists of objects under them."""
    try:
        return any(
            key in _SECTIONS and (isinstance(value, dict) or str(value).startswith("file://"))
            for key, _, value in parse(path)
        )
    except Unparsable:
        return False


class _AnyVariable(defaultdict[str, str]):
    """An environment in which every variable is set: which ones are is known at the import."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        return "set-at-the-import"


def _add_file(made: Report, folder: Path, path: Path, services: set[str]) -> None:
    document = read(path)
    translation = translate(document, _AnyVariable())
    fill(translation, {}, {})
    made.files += 1
    made.objects += len(document.objects)
    made.lines += [_line(folder, finding) for finding in translation.findings]
    _add_definitions(made, folder, document, translation)
    _add_services(made, folder, translation, services)


def _line(folder: Path, found: Finding) -> Line:
    file = _shown(folder, Path(found.file))
    subject = f"{found.code} {found.subject}".strip()
    return Line(file, found.line, _status(found), subject, found.message, found.instead)


def _status(found: Finding) -> Status:
    if found.code in _MISSING or (found.severity == "error" and found.code != "E20"):
        return "missing"
    return "differs"


def _shown(folder: Path, file: Path) -> str:
    try:
        return str(file.resolve().relative_to(folder.resolve()))
    except ValueError:
        return str(file)


def _add_definitions(
    made: Report, folder: Path, document: Document, translation: Translation
) -> None:
    """Add a line for each definition that is carried over."""
    for (kind, type, name), definition in translation.definitions.items():
        source = definition.source
        file = _shown(folder, source.file)
        subject = f"{source.section} {source.name!r}"
        made.lines.append(Line(file, source.line, "runs", subject, f"becomes {kind} {type} {name}"))


def _add_services(made: Report, folder: Path, translation: Translation, services: set[str]) -> None:
    """Say which services definitions name that no source here has."""
    for definition in translation.definitions.values():
        service = definition.settings.get("service")
        if service is None or service in services or str(service).startswith("zato."):
            continue
        source = definition.source
        file = _shown(folder, source.file)
        why = "no source in this folder has it"
        made.lines.append(Line(file, source.line, "missing", f"service {service}", why))
