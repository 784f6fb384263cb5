"""Secrets of a command: from a file, else from the environment, else prompted for.

An option that has the secret itself is known, too, but every user of the machine can read it in the
list of processes.
"""

from __future__ import annotations

import getpass
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import click

from .failure import INVALID, NO_INPUT, Failure


@dataclass(frozen=True)
class GivenSecret:
    """What the command line says of a secret: itself, or a file with it; `-` is standard input."""

    text: str | None = None
    file: str | None = None


def secret(given: GivenSecret, option: str, variable: str, label: str) -> str:
    """Return the secret, which may be empty; `option` is its name without dashes.

    It is prompted for twice, without an echo. Raises `Failure` where there is no terminal, and for
    a file that cannot be read.
    """
    if given.file is not None:
        return _from_file(given.file)
    if given.text is not None:
        return given.text
    if variable in os.environ:
        return os.environ[variable]
    try:
        # without a terminal getpass would read standard input, and echo it
        with open("/dev/tty", "rb"):
            pass
    except OSError:
        message = (
            f"{label}: give it by --{file_option(option)} or the environment variable {variable}"
        )
        raise Failure(message, NO_INPUT) from None
    while True:
        first = getpass.getpass(f"{label} (will not be echoed): ")
        second = getpass.getpass(f"Enter the {option} again (will not be echoed): ")
        if first == second:
            return first
        click.echo("They do not match, once more.", err=True)


def file_option(option: str) -> str:
    """Return the name of the option that names a file with the secret of another one."""
    return f"{option}{'_' if '_' in option else '-'}file"


def _from_file(name: str) -> str:
    """Return the first line of a file, or of standard input."""
    try:
        text = sys.stdin.readline() if name == "-" else _first_line(Path(name))
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{name} cannot be read: {error}", INVALID) from None
    return text.rstrip("\r\n")


def _first_line(path: Path) -> str:
    with open(path, encoding="utf-8") as file:
        return file.readline()
