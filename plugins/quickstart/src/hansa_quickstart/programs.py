"""The name by which the command line refers to itself, and other programs that take the same
commands.

A distribution whose program hands its command line over to `hansa` sets the environment variable
HANSA_PROGRAM to the name of that program, and declares an entry point of the group
`hansa.programs`: its name is the name of the program, its value is the module that runs it
(`python -m MODULE`). That module may define `PICKUP_LINKS`, a sequence of names under which each
server of a new cluster gets a link to its pickup folder, and `API_USERS`, names of users for whom
each server of a new cluster has the same random password in the file `NAME.password`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from typing import Final

VARIABLE: Final = "HANSA_PROGRAM"
"""The environment variable with the name of the program that hands its command line over to `hansa`.
"""

GROUP: Final = "hansa.programs"
OWN_NAME: Final = "hansa"


def program() -> str:
    """Return the name of the program that was called: `hansa`, unless the environment names
    another.
    """
    name = os.environ.get(VARIABLE, "")
    return name if name.isidentifier() else OWN_NAME


def title() -> str:
    """Return the name of the program as it begins a sentence."""
    return program().capitalize()


def programs() -> dict[str, str]:
    """Return the modules that run the installed programs, by name; `hansa` is the first."""
    others = {entry.name: entry.module for entry in _declared()}
    return {OWN_NAME: "hansa", **others}


def pickup_links() -> list[str]:
    """Return the further names of a server's pickup folder, as the installed programs define them."""
    found: list[str] = []
    for entry in _declared():
        found += getattr(entry.load(), "PICKUP_LINKS", ())
    return found


def api_users() -> list[str]:
    """Return the further users that the installed programs define."""
    found: list[str] = []
    for entry in _declared():
        found += getattr(entry.load(), "API_USERS", ())
    return found


def _declared() -> Iterator[EntryPoint]:
    for entry in entry_points(group=GROUP):
        if entry.name.isidentifier() and entry.name != OWN_NAME:
            yield entry
