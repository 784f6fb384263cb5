"""The options by which every command finds the server, and `--json`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from .client import Client

OPTIONS = ("hansa_server", "hansa_dir", "hansa_password_file")


def connection_options() -> list[click.Option]:
    """Fresh options for one command."""
    return [
        click.Option(
            ["--server", "hansa_server"],
            envvar="HANSA_SERVER",
            metavar="URL",
            help="Address of the server; by default the one in --dir.",
        ),
        click.Option(
            ["--dir", "hansa_dir"],
            envvar="HANSA_DIR",
            default="./var",
            show_default=True,
            help="The server's folder: address and password.",
        ),
        click.Option(
            ["--password-file", "hansa_password_file"],
            metavar="FILE",
            help="File with the password of the user admin.",
        ),
        click.Option(["--json", "hansa_json"], is_flag=True, help="Print the answer as JSON."),
    ]


def client_of(values: dict[str, Any]) -> Client:
    """Take the options out of a command's values and make the client they describe."""
    return Client(*(values.pop(name) for name in OPTIONS))


def command(
    name: str, *parameters: click.Parameter
) -> Callable[[Callable[..., Any]], click.Command]:
    """Make a command of a function `(client, as_json, **values)`, whose docstring is its help."""

    def made(function: Callable[..., Any]) -> click.Command:
        def callback(**values: Any) -> Any:
            client, as_json = client_of(values), values.pop("hansa_json")
            return function(client, as_json, **values)

        params = [*parameters, *connection_options()]
        return click.Command(name, params=params, callback=callback, help=function.__doc__)

    return made


def early_client(arguments: list[str]) -> Client:
    """The client that arguments not yet parsed describe; needed before the options of a command can be known."""
    parser = click.Command("hansa", params=[*connection_options()], add_help_option=False)
    parser.ignore_unknown_options = True
    parser.allow_extra_args = True
    found = _only_ours(arguments)
    context = parser.make_context("hansa", found, resilient_parsing=False)
    return client_of({name: context.params[name] for name in OPTIONS})


def _only_ours(arguments: list[str]) -> list[str]:
    """The arguments that are ours, with their values."""
    ours: list[str] = []
    named = ("--server", "--dir", "--password-file")
    for index, argument in enumerate(arguments):
        if argument == "--":
            break
        if argument in named and index + 1 < len(arguments):
            ours += [argument, arguments[index + 1]]
        elif argument.startswith(tuple(f"{name}=" for name in named)):
            ours.append(argument)
    return ours
