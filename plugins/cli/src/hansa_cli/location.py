"""Which server a command speaks to, with which password, and whose certificates it trusts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import click

from .access import (
    DEFAULT_URL,
    PASSWORD_VARIABLE,
    USER,
    address_file,
    password_file,
    recorded_trust,
    recorded_url,
)
from .contexts import Context, read_contexts

DEFAULT_DIRECTORY = Path("var")
"""The folder of a server, below the one that it was started in, unless it is configured otherwise.
"""

_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}
"""Where a client of this machine reaches a server that listens at all addresses."""


@dataclass(frozen=True)
class Located:
    """A value, and for error messages where it came from."""

    value: str
    origin: str


@dataclass(frozen=True)
class Trust:
    """The files with certificates that are trusted besides the system's.

    With `only` nothing but these is trusted, whatever the name of the host is: of a server of this
    machine its own certificate, or the authority of its cluster, says enough.
    """

    files: tuple[Path, ...] = ()
    only: bool = False


SYSTEM_TRUST = Trust()
"""Nothing but what the system trusts."""


@dataclass(frozen=True)
class Choice:
    """What the options, a context or the current folder say: the address, if one is given, the
    server's folder, the files with the password and the certificate authority, and the user.
    """

    server: Located | None
    directory: Path
    password_file: str | None = None
    ca: str | None = None
    user: str = USER


def choose(given: Mapping[str, str | None]) -> Choice:
    """Return what the values of the connection options mean, by their parameters.

    An option or its environment variable goes first, then the context that is named, the folder of
    a server from the current folder upwards, and the context in use. Raises a usage error.
    """
    server = given["hansa_server"]
    directory = given["hansa_dir"]
    found = None if directory else find_folder(Path.cwd())
    context, name = _context(given["hansa_context"], is_located=bool(server or directory or found))
    address = Located(server, "--server or HANSA_SERVER") if server else None
    if address is None and not directory and context.server:
        address = Located(context.server, f"the context {name}")
    folder = directory or context.dir
    return Choice(
        address,
        Path(folder).expanduser() if folder else found or DEFAULT_DIRECTORY,
        given["hansa_password_file"] or context.password_file or None,
        given["hansa_ca"] or context.ca or None,
        given["hansa_user"] or context.user or USER,
    )


def _context(name: str | None, *, is_located: bool) -> tuple[Context, str]:
    """Return the context that counts, and its name: the named one, or the one in use where nothing
    else says where the server is.
    """
    if not name and is_located:
        return Context(), ""
    contexts = read_contexts()
    chosen = name or contexts.used
    return (contexts.get(chosen), chosen) if chosen else (Context(), "")


def find_folder(start: Path) -> Path | None:
    """Return the folder of a server or cluster: `start` or one above it, or `var` in one of these.

    Only folders of this user, or of root, count: in others somebody else could leave an address to
    which passwords go.
    """
    for above in (start, *start.parents):
        if above == above.parent:
            return None  # /run and /var are not a server's
        for folder in (above, above / DEFAULT_DIRECTORY):
            if _is_server(folder) and folder.stat().st_uid in (os.getuid(), 0):
                return folder
    return None


def _is_server(folder: Path) -> bool:
    return address_file(folder).is_file() or password_file(folder).is_file()


def locate_server(choice: Choice) -> Located:
    """Return the URL of the server: as given, or as recorded in its folder, or the default.

    Raises a usage error if the given URL is not an HTTP URL.
    """
    if choice.server is not None:
        return Located(_checked(choice.server), choice.server.origin)
    recorded = recorded_url(choice.directory)
    file = address_file(choice.directory)
    if recorded is None:
        return Located(DEFAULT_URL, f"the default, since {file} names none")
    return Located(_reachable(recorded), str(file))


def locate_trust(choice: Choice) -> Trust:
    """Return whose certificates are trusted: of the given authority, and of the server's folder.

    Raises a usage error if the given file is not there.
    """
    recorded = recorded_trust(choice.directory)
    if choice.ca is None:
        return Trust(recorded, only=choice.server is None and bool(recorded))
    authority = Path(choice.ca).expanduser()
    if not os.path.isfile(authority):  # False, unlike Path.is_file, for what no name can be
        raise click.UsageError(f"--ca: there is no file {authority}")
    return Trust((authority, *recorded))


def _checked(server: Located) -> str:
    given = server.value
    parts = urlsplit(given if "://" in given else f"http://{given}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        message = f"--server: {given!r} is not a URL such as {DEFAULT_URL} ({server.origin})"
        raise click.UsageError(message)
    path = parts.path.rstrip("/")
    return urlunsplit(parts._replace(path=path, query="", fragment=""))


def _reachable(url: str) -> str:
    parts = urlsplit(url)
    loopback = _LOOPBACK.get(parts.hostname or "")
    if loopback is None:
        return url
    return urlunsplit(parts._replace(netloc=f"{loopback}:{parts.port}"))


def locate_password(
    given: str | None, directory: Path | None, user: str = USER, *, environment: bool = True
) -> Located | None:
    """Return a user's password: of the given file, the environment, unless that is not to count, or,
    for the user `admin`, the server's folder.

    Returns None if there is none. Raises a usage error if the given file cannot be read.
    """
    if given:
        try:
            return _password_in(Path(given).expanduser())
        except (OSError, UnicodeDecodeError) as error:
            message = f"--password-file: {given} cannot be read: {error}"
            raise click.UsageError(message) from None
    variable = os.environ.get(PASSWORD_VARIABLE)
    if variable and environment:
        return Located(variable, f"the environment variable {PASSWORD_VARIABLE}")
    if user != USER or directory is None:
        return None
    try:
        return _password_in(password_file(directory))
    except OSError:
        return None


def _password_in(file: Path) -> Located | None:
    password = file.read_text().removesuffix("\n")
    return Located(password, f"the file {file}") if password else None
