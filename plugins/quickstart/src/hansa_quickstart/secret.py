"""Secrets of a command: from an option, else from the environment, else prompted for."""

from __future__ import annotations

import getpass
import os

import click

from .failure import NO_INPUT, Failure


def secret(given: str | None, option: str, variable: str, label: str) -> str:
    """Return the secret, which may be empty; `option` is its name without dashes.

    It is prompted for twice, without an echo. Raises `Failure` where there is no terminal.
    """
    if given is not None:
        return given
    if variable in os.environ:
        return os.environ[variable]
    try:
        # without a terminal getpass would read standard input, and echo it
        with open("/dev/tty", "rb"):
            pass
    except OSError:
        message = f"{label}: give it by --{option} or the environment variable {variable}"
        raise Failure(message, NO_INPUT) from None
    while True:
        first = getpass.getpass(f"{label} (will not be echoed): ")
        second = getpass.getpass(f"Enter the {option} again (will not be echoed): ")
        if first == second:
            return first
        click.echo("They do not match, once more.", err=True)
