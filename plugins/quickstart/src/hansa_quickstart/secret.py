"""Secrets of a command: given by option, else by the environment, else prompted for twice without being echoed."""

from __future__ import annotations

import getpass
import os

import click

from .failure import NO_INPUT, Failure


def secret(given: str | None, option: str, variable: str, label: str) -> str:
    """The secret, which may be empty; `option` without dashes. Raises `Failure` where there is nobody to ask."""
    if given is not None:
        return given
    if variable in os.environ:
        return os.environ[variable]
    try:
        # a terminal, or what opens one: getpass would else read, and echo, standard input
        with open("/dev/tty", "rb"):
            pass
    except OSError:
        raise Failure(
            f"{label}: give it by --{option} or the environment variable {variable}", NO_INPUT
        ) from None
    while True:
        first = getpass.getpass(f"{label} (will not be echoed): ")
        if first == getpass.getpass(f"Enter the {option} again (will not be echoed): "):
            return first
        click.echo("They do not match, once more.", err=True)
