"""What is said of a source that cannot be imported: one line, with file and line number."""

from __future__ import annotations

import re
import traceback

LONGEST = 1000
_FILE = re.compile(r"([\w./ -]+\.py)@\w+", re.ASCII)
_VERSION = re.compile(r"(?<=\w)@\d\w*")


def describe_error(error: BaseException, package: str) -> str:
    """Return one line that says where an import failed, in a package or what it imports, and why."""
    places = _places(error)
    lines = "".join(traceback.format_exception_only(error)).strip().splitlines()
    text = lines[-1] if isinstance(error, SyntaxError) else lines[0]
    if isinstance(error, SyntaxError):
        match = _FILE.fullmatch(error.filename or "")
        if match:
            places.append((match[1], error.lineno))
            text = f"{type(error).__name__}: {error.msg}"
    if isinstance(error, MemoryError):
        text = "the import needs more memory than [server] trial_memory allows"
    found = f"{package}: {text}"
    if places:
        file, line = places[-1]
        found = f"{file}, line {line}: {text}"
        first_file, first_line = places[0]
        if first_file != file:
            found += f" (from {first_file}, line {first_line})"
    plain = _VERSION.sub("", found)[:LONGEST]
    return plain.encode(errors="backslashreplace").decode()


def _places(error: BaseException) -> list[tuple[str, int | None]]:
    """Return the places in deployed files that a traceback leads through."""
    places: list[tuple[str, int | None]] = []
    for frame in traceback.extract_tb(error.__traceback__):
        match = _FILE.fullmatch(frame.filename)
        if match:
            places.append((match[1], frame.lineno))
    return places
