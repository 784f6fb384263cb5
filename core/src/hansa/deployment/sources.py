"""What may be deployed, and which package imports which, as the sources say."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib.util import find_spec

from ..contract.packages import import_name, imports_of
from ..foundation.errors import Invalid

MAX_SOURCE = 4 * 2**20
"""Bytes of the files of one deployment."""
MAX_FILES = 1000
MAX_FAULTS = 2000
"""Characters of the text of all faults."""
_BYTE_ORDER_MARK = "\ufeff"
_FILE = re.compile(r"\w[\w. -]{0,99}\.py", re.ASCII)
_PATH_IN_FOLDER = re.compile(r"(?=.{1,200}\Z)(\w{1,100}/){1,9}\w{1,100}\.py", re.ASCII)
_INSTALLED = re.compile(r"hansa_|.*(site|dist)-packages")


def package_of(path: str) -> str:
    """Return the package that a file is part of: itself, or its top folder with a / at the end."""
    top, slash, _ = path.partition("/")
    return top + slash


def packages_of(files: Mapping[str, str]) -> dict[str, str]:
    """Return the sources of packages, of files by path: `rates.py` is one by itself, a folder one
    as JSON of its files.

    A byte order mark before a text is taken off. Raises `Invalid` with all that is wrong with names
    and sizes under `file`.
    """
    found: dict[str, dict[str, str]] = {}
    for path, text in sorted(files.items()):
        found.setdefault(package_of(path), {})[path] = text.removeprefix(_BYTE_ORDER_MARK)
    faults = [*_faults_of_names(files), *_faults_of_all(found, files)]
    if faults:
        raise Invalid({"file": "; ".join(faults)[:MAX_FAULTS]})
    sources: dict[str, str] = {}
    for package, inner in found.items():
        sources[package] = inner[package] if package.endswith(".py") else json.dumps(inner)
    return sources


def _faults_of_names(files: Mapping[str, str]) -> Iterator[str]:
    for path in sorted(files):
        package = package_of(path)
        name = import_name(package)
        folder = path.rpartition("/")[0]
        if not folder and not _FILE.fullmatch(path):
            rule = (
                "must be letters, digits, _, -, dots and spaces, begin with one of the first three"
            )
            yield f"{path!r} {rule}, and end in .py"
        elif folder and (
            not _PATH_IN_FOLDER.fullmatch(path) or f"{folder}/__init__.py" not in files
        ):
            rule = "must be letters, digits and _, and end in .py, in folders that have __init__.py"
            yield f"{path!r} {rule}"
        elif _is_taken(name):
            owner = "a module of Python, of Hansa or of an installed package"
            yield f"{package}: {name} is the name of {owner}"


def _is_taken(name: str) -> bool:
    """Whether modules of Python, of Hansa or of an installed package have this name."""
    if name in sys.stdlib_module_names or name in sys.modules:
        return True
    return _INSTALLED.match(f"{name} {find_spec(name)}") is not None


def _faults_of_all(packages: Iterable[str], files: Mapping[str, str]) -> Iterator[str]:
    by_name: dict[str, list[str]] = {}
    for package in packages:
        by_name.setdefault(import_name(package), []).append(package)
    for name, several in by_name.items():
        if len(several) > 1:
            yield f"{' and '.join(several)} have the same name for who imports them, {name}"
    size = sum(len(text.encode(errors="surrogatepass")) for text in files.values())
    if size > MAX_SOURCE or len(files) > MAX_FILES:
        yield f"{len(files)} files of {size} bytes are over {MAX_FILES} or over {MAX_SOURCE}"


def importers(sources: Mapping[str, str], names: Iterable[str]) -> set[str]:
    """Return the packages that import one of these names, directly or through others."""
    found: set[str] = set()
    edge = set(names)
    while edge:
        more = set()
        for package, text in sources.items():
            # PERF: parsing a source takes 1,000 times as long as looking for the name in it
            mentions = package not in found and any(name in text for name in edge)
            if mentions and imports_of(package, text) & edge:
                more.add(package)
        found |= more
        edge = {import_name(package) for package in more}
    return found
