"""How the commands speak of themselves: as `hansa`, or as another command that hands its words over, such as `zato`."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Final

VARIABLE: Final = "HANSA_PROGRAM"


def program() -> str:
    """The name of the command: hansa, unless the one that hands over says otherwise."""
    found = os.environ.get(VARIABLE, "")
    return found if found.isidentifier() else "hansa"


def title() -> str:
    """The same as a name in a sentence."""
    return program().capitalize()


def programs() -> dict[str, str]:
    """The installed commands with these words, each with the module that runs it."""
    found = {"hansa": "hansa"}
    if find_spec("hansa_zato") is not None:
        found["zato"] = "hansa_zato.command"
    return found
