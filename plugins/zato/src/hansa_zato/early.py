"""Early hooks of hansa-zato: its importable packages, and the section `[zato]` of config.toml."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

import click
from hansa import Definition, Model, hookimpl

from .command import PROGRAM, PROGRAM_VARIABLE
from .messages.definitions import JSONPointerExpression, Namespace, XPathExpression
from .section import ZatoSection


@hookimpl
def hansa_modules() -> list[str]:
    """Return the module that installs the finder of `zato`, `bunch` and `anyjson`."""
    return ["hansa_zato.visible"]


@hookimpl
def hansa_settings() -> dict[str, type[Model]]:
    """Return the section `[zato]`."""
    return {"zato": ZatoSection}


@hookimpl
def hansa_kinds() -> list[type[Definition]]:
    """Return the expressions of `self.msg`."""
    return [Namespace, XPathExpression, JSONPointerExpression]


@hookimpl
def hansa_commands(commands: click.Group) -> None:
    """Add what moves an installation of Zato here, where hansa-cli is installed, and `service invoke`
    for those who typed `zato`, whose help then lists it.
    """
    if find_spec("hansa_cli") is not None:
        from .command.words import add_words

        add_words(commands)
    if os.environ.get(PROGRAM_VARIABLE) != PROGRAM:
        return
    group = commands.commands.get("service")
    if not isinstance(group, click.Group):
        group = click.Group("service", help="Deployed services.")
        commands.add_command(group)
    group.add_command(_invoke)


@click.command("invoke", add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, metavar="PATH NAME [OPTIONS]", type=click.UNPROCESSED)
def _invoke(words: tuple[str, ...]) -> None:
    """Call a service of the server in the folder PATH, and print its answer."""
    from .command.invoke import invoke

    sys.exit(invoke(list(words)))
