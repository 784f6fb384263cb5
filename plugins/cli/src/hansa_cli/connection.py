"""The options that every command has, which name the server, and how a function becomes a command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from .client import Client
from .location import locate_password, locate_server

_CONNECTION_FLAGS = ("--server", "--dir", "--password-file")


def connection_options() -> list[click.Option]:
    """Return new options for one command."""
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


def connect(server: str | None, directory: str, password_file: str | None) -> Client:
    """Return a client of the server that these options name."""
    folder = Path(directory)
    return Client(locate_server(server, folder), locate_password(password_file, folder))


def command(
    name: str, *parameters: click.Parameter, help: str | None = None
) -> Callable[[Callable[..., None]], click.Command]:
    """Make a command of a function `(client, as_json, **values)`.

    The help is the docstring of the function, unless one is given.
    """

    def made(function: Callable[..., None]) -> click.Command:
        def callback(
            hansa_server: str | None,
            hansa_dir: str,
            hansa_password_file: str | None,
            hansa_json: bool,
            **values: object,
        ) -> None:
            client = connect(hansa_server, hansa_dir, hansa_password_file)
            function(client, hansa_json, **values)

        return click.Command(
            name,
            params=[*parameters, *connection_options()],
            callback=callback,
            help=help or function.__doc__,
        )

    return made


def early_client(arguments: list[str]) -> Client:
    """Return the client that unparsed arguments describe.

    It is needed where the server says which options a command has.
    """
    parser = click.Command("hansa", params=[*connection_options()], add_help_option=False)
    given = parser.make_context("hansa", _connection_arguments(arguments)).params
    return connect(given["hansa_server"], given["hansa_dir"], given["hansa_password_file"])


def _connection_arguments(arguments: list[str]) -> list[str]:
    """Return the connection options among the arguments, with their values."""
    found: list[str] = []
    for index, argument in enumerate(arguments):
        if argument == "--":
            break
        if argument in _CONNECTION_FLAGS and index + 1 < len(arguments):
            found += arguments[index : index + 2]
        elif argument.partition("=")[0] in _CONNECTION_FLAGS:
            found.append(argument)
    return found
