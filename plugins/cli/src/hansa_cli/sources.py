"""Python files, packages, folders of both, and zip archives, as sources by path."""

from __future__ import annotations

import importlib.util
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import click

MAX_FILES = 1000
"""Number of Python files that an archive may hold; a server does not take more at once."""

MAX_SIZE = 4 * 2**20
"""Bytes of all Python files in an archive; a server does not take more at once."""


def read_sources(paths: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """Return the Python sources by the path they get, and the paths of the files left out.

    A folder with `__init__.py` is a package and keeps its name; any other folder, and an archive,
    stands for what is in it. Raises a usage error if something cannot be read, if a file is given
    twice, or if there is no Python file.
    """
    found: dict[str, str] = {}
    left_out: list[str] = []
    for given in paths:
        for path, raw in _files(Path(given)).items():
            if is_source(path):
                if path in found:
                    raise click.UsageError(f"{path} is given twice")
                found[path] = _decoded(given, raw)
            elif not is_hidden(path):
                left_out.append(path)
    if not found:
        raise click.UsageError(f"no Python file is in {', '.join(paths)}")
    return found, left_out


def _files(given: Path) -> dict[str, bytes]:
    try:
        if given.is_dir():
            return read_folder(given)
        if given.suffix == ".zip":
            return read_archive(given)
        return {given.name: given.read_bytes()}
    except (OSError, zipfile.BadZipFile) as error:
        raise click.UsageError(f"{given} cannot be read: {error}") from None


def _decoded(given: str, raw: bytes) -> str:
    try:
        return importlib.util.decode_source(raw)
    except (UnicodeDecodeError, SyntaxError) as error:
        raise click.UsageError(f"{given} cannot be read: {error}") from None


def is_hidden(path: str) -> bool:
    """Whether a file is one that editors, version control or Python keep beside sources."""
    parts = [part for part in PurePosixPath(path).parts if part != ".."]
    return any(part.startswith(".") or part == "__pycache__" for part in parts)


def is_source(path: str) -> bool:
    """Whether a file is a source."""
    return path.endswith(".py") and not is_hidden(path)


def read_folder(folder: Path) -> dict[str, bytes]:
    """Return the files of a package, with its name, or of a folder of packages and files.

    Links are not followed. The content of files that are not sources is left empty.
    """
    top = folder.resolve()
    base = top.parent if (top / "__init__.py").exists() else top
    found: dict[str, bytes] = {}
    for file in sorted(top.rglob("*")):
        if file.is_file() and not file.is_symlink():
            path = file.relative_to(base).as_posix()
            found[path] = file.read_bytes() if is_source(path) else b""
    return found


def read_archive(archive: Path) -> dict[str, bytes]:
    """Return the files of a zip archive; the content of files that are not sources is left empty.

    Raises a usage error if it is too large to be deployed, or damaged.
    """
    with zipfile.ZipFile(archive) as opened:
        entries = [entry for entry in opened.infolist() if not entry.is_dir()]
        sources = [entry for entry in entries if is_source(entry.filename)]
        # the sizes that entries declare can be trusted: reading stops there
        size = sum(entry.file_size for entry in sources)
        if len(sources) > MAX_FILES or size > MAX_SIZE:
            raise click.UsageError(
                f"{archive} holds over {MAX_FILES} Python files or over {MAX_SIZE} bytes of them"
            )
        found = {entry.filename: b"" for entry in entries}
        try:
            for entry in sources:
                found[entry.filename] = opened.read(entry.filename)
        except (RuntimeError, NotImplementedError, EOFError, ValueError) as error:
            raise click.UsageError(f"{archive} cannot be read: {error}") from None
    return found
