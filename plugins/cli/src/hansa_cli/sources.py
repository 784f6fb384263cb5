"""Which files a command line means: Python files, packages, folders of both, and zip archives, as texts by path."""

from __future__ import annotations

import importlib.util
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import click

MOST, LARGEST = 1000, 4 * 2**20
"""Number, and bytes in all, of the Python files that an archive may hold; what a server takes at once."""


def read_sources(paths: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """The Python files that are meant, by the path they get, and the names of those left out; raises a usage error.

    A folder with `__init__.py` is a package and keeps its name; any other folder, and an archive, stands for what is in it.
    """
    found: dict[str, str] = {}
    left_out: list[str] = []
    for given in map(Path, paths):
        try:
            files = (
                read_folder(given)
                if given.is_dir()
                else read_archive(given)
                if given.suffix == ".zip"
                else None
            )
            for path, raw in (
                files if files is not None else {given.name: given.read_bytes()}
            ).items():
                if wanted(path):
                    if path in found:
                        raise click.UsageError(f"{path} is given twice")
                    found[path] = importlib.util.decode_source(raw)
                elif not hidden(path):
                    left_out.append(path)
        except (OSError, UnicodeDecodeError, SyntaxError, zipfile.BadZipFile) as error:
            raise click.UsageError(f"{given} cannot be read: {error}") from None
    if not found:
        raise click.UsageError(f"no Python file is in {', '.join(paths)}")
    return found, left_out


def hidden(path: str) -> bool:
    """Whether a file is nobody's business: what editors, version control and Python itself keep beside sources."""
    parts = [part for part in PurePosixPath(path).parts if part != ".."]
    return any(part.startswith(".") or part == "__pycache__" for part in parts)


def wanted(path: str) -> bool:
    """Whether a file is a source."""
    return path.endswith(".py") and not hidden(path)


def read_folder(folder: Path) -> dict[str, bytes]:
    """The files of a package, with its name, or of a folder of packages and files; links are not followed."""
    base = folder.resolve()
    base = base.parent if (base / "__init__.py").exists() else base
    files = [
        file
        for file in sorted(folder.resolve().rglob("*"))
        if file.is_file() and not file.is_symlink()
    ]
    named = {file.relative_to(base).as_posix(): file for file in files}
    return {path: file.read_bytes() if wanted(path) else b"" for path, file in named.items()}


def read_archive(archive: Path) -> dict[str, bytes]:
    """The files of a zip archive; raises a usage error where it is too large to be deployed, whatever it says of itself."""
    with zipfile.ZipFile(archive) as opened:
        entries = [entry for entry in opened.infolist() if not entry.is_dir()]
        sources = [entry for entry in entries if wanted(entry.filename)]
        # reading stops at the size that an entry declares
        if len(sources) > MOST or sum(entry.file_size for entry in sources) > LARGEST:
            raise click.UsageError(
                f"{archive} holds over {MOST} Python files or over {LARGEST} bytes of them"
            )
        names = {entry.filename: wanted(entry.filename) for entry in entries}
        try:
            return {name: opened.read(name) if read else b"" for name, read in names.items()}
        except (RuntimeError, NotImplementedError, EOFError, ValueError) as error:
            raise click.UsageError(f"{archive} cannot be read: {error}") from None
