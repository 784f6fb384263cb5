"""What several commands ask for, and where they read passwords."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import click

ROLE_NAMES: Final = ("server", "loadbalancer", "webadmin")

NEW_FOLDER: Final = click.argument("path", type=click.Path(path_type=Path, file_okay=False))
FOLDER: Final = click.argument(
    "path", type=click.Path(path_type=Path, file_okay=False, exists=True)
)
NAME: Final = click.option(
    "--name", default="", help="Name of the component; by default its role and a number."
)
ADDRESS: Final = click.option(
    "--address",
    default="",
    metavar="HOST:PORT",
    help="Where it listens; by default at the address of this host by which the authority is reached.",
)
HOSTS: Final = click.option(
    "--host",
    "hosts",
    multiple=True,
    metavar="HOST",
    help="Further host or address that its certificate is for, such as a floating one; repeatable.",
)


def given_secret(file: str | None, variable: str) -> str:
    """Return a password out of a file, else of the environment, else none; raises `Failure`."""
    from hansa_quickstart.secret import GivenSecret, secret

    if file is None and variable not in os.environ:
        return ""
    return secret(GivenSecret(None, file), "password", variable, "Password")
