"""`zato migrate FILE...`: shows sources that were written for Python 2 in Python 3, or rewrites them."""

from __future__ import annotations

import argparse
import difflib
import sys
import tokenize
from pathlib import Path

from ..python2.syntax import NotPython2, is_python2, rewrite


class Unreadable(Exception):
    """Why a file cannot be read, in words."""


def migrate(words: list[str]) -> int:
    """Show what is changed in each file, and change it if asked to.

    Returns the exit code: 0, 1 if a file cannot be read, written or rewritten, 2 for wrong usage.
    """
    arguments = _parser().parse_args(words)
    failed = False
    changed = 0
    for path in _files(arguments.files):
        try:
            changed += _migrate(path, write=arguments.write)
        except (Unreadable, NotPython2, OSError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            print(f"{path}: {why}", file=sys.stderr)
            failed = True
    if changed and not arguments.write:
        print(f"{changed} to be changed; --write changes them", file=sys.stderr)
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        "zato migrate",
        description="Show how sources that were written for Python 2 read in Python 3.",
    )
    made.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a source, or a folder")
    made.add_argument("--write", action="store_true", help="change the files")
    return made


def _files(given: list[Path]) -> list[Path]:
    """Return the files that are given, and those in folders that are."""
    found = []
    for path in given:
        found += sorted(path.rglob("*.py")) if path.is_dir() else [path]
    return found


def _migrate(path: Path, *, write: bool) -> bool:
    """Show what is changed in a file, and change it if asked to; returns whether it differs."""
    before, encoding = _read(path)
    after = rewrite(before, path=str(path)) if is_python2(before) else before
    if after == before:
        return False
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), str(path), str(path), lineterm=""
    )
    print("\n".join(lines))
    if write:
        path.write_text(after, encoding=encoding, newline="")
    return True


def _read(path: Path) -> tuple[str, str]:
    """Return a source, and its encoding."""
    try:
        with path.open("rb") as file:
            encoding, _ = tokenize.detect_encoding(file.readline)
        with path.open(encoding=encoding, newline="") as text:
            return text.read(), encoding
    except (UnicodeDecodeError, SyntaxError):
        raise Unreadable("its encoding is not UTF-8, nor what its first lines say") from None
