"""Entry point of hansa-doctor: the commands, and its examinations, which are imported when they are
carried out.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Final

import click
from hansa import Examination, ExaminedServer, Finding, hookimpl

OWN: Final = (
    "configuration",
    "versions",
    "permissions",
    "certificates",
    "ports",
    "disk",
    "limits",
    "odb",
    "redis",
)
"""The names of the examinations, in their order; each is a module with a function `examine`."""


def _own(name: str) -> Examination:
    def examine(server: ExaminedServer) -> Iterable[Finding]:
        module = import_module(f"{__package__}.examinations.{name}")
        found: Iterable[Finding] = module.examine(server)
        return found

    return Examination(name, examine)


@hookimpl
def hansa_examinations() -> list[Examination]:
    """Return what can be said of any server."""
    return [_own(name) for name in OWN]


@hookimpl
def hansa_commands(commands: click.Group) -> None:
    """Add the commands; what they do is imported when they run."""
    from .commands import doctor, support_bundle, upgrade

    for command in (doctor, support_bundle, upgrade):
        commands.add_command(command)
