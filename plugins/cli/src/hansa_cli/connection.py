"""The options that every command has, which name the server, and how a function becomes a command."""

from __future__ import annotations

from collections.abc import Callable

import click
from click.core import ParameterSource

from .client import Client
from .location import choose, locate_password, locate_server, locate_trust


def _location_options() -> list[click.Option]:
    """Return new options that say where the server is, and who may be trusted to be it."""
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
            metavar="DIR",
            help="Folder of the server or cluster, with address and password; by default found from "
            "the current folder upwards (itself, or var in it).",
        ),
        click.Option(
            ["--context", "hansa_context"],
            envvar="HANSA_CONTEXT",
            metavar="NAME",
            help="Context that says where the server is (hansa context list); where no folder is "
            "found, by default the one in use.",
        ),
        click.Option(
            ["--user", "hansa_user"],
            envvar="HANSA_USER",
            metavar="NAME",
            help="User to log in as; by default admin.",
        ),
        click.Option(
            ["--password-file", "hansa_password_file"],
            metavar="FILE",
            help="File with the password of the user; that of admin is found in the server's folder.",
        ),
        click.Option(
            ["--ca", "hansa_ca"],
            envvar="HANSA_CA",
            metavar="FILE",
            help="Certificate authority (PEM) to trust besides the system's; that of a server of "
            "this machine is trusted anyway.",
        ),
    ]


_PARAMETERS = tuple(str(option.name) for option in _location_options())
_FLAGS = tuple(flag for option in _location_options() for flag in option.opts)


def connection_options() -> list[click.Option]:
    """Return new options for one command."""
    as_json = click.Option(["--json", "hansa_json"], is_flag=True, help="Print the answer as JSON.")
    return [*_location_options(), as_json]


def given_options(ctx: click.Context) -> dict[str, str | None]:
    """Return the values of the options in a context, by parameter.

    A context that was typed counts more than a server or folder in the environment, and the other
    way round.
    """
    sources = {name: ctx.get_parameter_source(name) for name in _PARAMETERS}
    typed = {name for name, source in sources.items() if source is ParameterSource.COMMANDLINE}
    given: dict[str, str | None] = {name: ctx.params[name] for name in _PARAMETERS}
    if "hansa_context" in typed:
        given |= dict.fromkeys({"hansa_server", "hansa_dir"} - typed)
    elif typed & {"hansa_server", "hansa_dir"}:
        given["hansa_context"] = None
    return given


def connect(ctx: click.Context) -> Client:
    """Return a client of the server that the options in a context name."""
    choice = choose(given_options(ctx))
    password = locate_password(choice.password_file, choice.directory, choice.user)
    return Client(locate_server(choice), password, locate_trust(choice), choice.user)


def command(
    name: str, *parameters: click.Parameter, help: str | None = None
) -> Callable[[Callable[..., None]], click.Command]:
    """Make a command of a function `(client, as_json, **values)`.

    The help is the docstring of the function, unless one is given.
    """

    def made(function: Callable[..., None]) -> click.Command:
        def callback(hansa_json: bool, **values: object) -> None:
            own = {name: value for name, value in values.items() if name not in _PARAMETERS}
            function(connect(click.get_current_context()), hansa_json, **own)

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
    return connect(parser.make_context("hansa", _connection_arguments(arguments)))


def _connection_arguments(arguments: list[str]) -> list[str]:
    """Return the connection options among the arguments, with their values."""
    found: list[str] = []
    for index, argument in enumerate(arguments):
        if argument == "--":
            break
        if argument in _FLAGS and index + 1 < len(arguments):
            found += arguments[index : index + 2]
        elif argument.partition("=")[0] in _FLAGS:
            found.append(argument)
    return found
