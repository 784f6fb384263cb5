"""Which server a command speaks to, and with which password."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import click

from .access import DEFAULT_URL, PASSWORD_VARIABLE, address_file, password_file, recorded_url

_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}
"""Where a client of this machine reaches a server that listens at all addresses."""


@dataclass(frozen=True)
class Located:
    """A value, and for error messages where it came from."""

    value: str
    origin: str


def locate_server(given: str | None, directory: Path) -> Located:
    """Return the URL of the server: as given, or as recorded in its folder, or the default.

    Raises a usage error if the given URL is not an HTTP URL.
    """
    if given:
        return Located(_checked(given), "--server or HANSA_SERVER")
    recorded = recorded_url(directory)
    if recorded is None:
        origin = f"the default, since {address_file(directory)} names none"
        return Located(DEFAULT_URL, origin)
    return Located(_reachable(recorded), str(address_file(directory)))


def _checked(given: str) -> str:
    parts = urlsplit(given if "://" in given else f"http://{given}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise click.UsageError(f"--server: {given!r} is not a URL such as {DEFAULT_URL}")
    path = parts.path.rstrip("/")
    return urlunsplit(parts._replace(path=path, query="", fragment=""))


def _reachable(url: str) -> str:
    parts = urlsplit(url)
    loopback = _LOOPBACK.get(parts.hostname or "")
    if loopback is None:
        return url
    return urlunsplit(parts._replace(netloc=f"{loopback}:{parts.port}"))


def locate_password(given: str | None, directory: Path) -> Located | None:
    """Return the admin's password: of the given file, the environment, or the server's folder.

    Returns None if there is none. Raises a usage error if the given file cannot be read.
    """
    if given:
        try:
            return _password_in(Path(given))
        except (OSError, UnicodeDecodeError) as error:
            message = f"--password-file: {given} cannot be read: {error}"
            raise click.UsageError(message) from None
    variable = os.environ.get(PASSWORD_VARIABLE)
    if variable:
        return Located(variable, f"the environment variable {PASSWORD_VARIABLE}")
    try:
        return _password_in(password_file(directory))
    except OSError:
        return None


def _password_in(file: Path) -> Located | None:
    password = file.read_text().removesuffix("\n")
    return Located(password, f"the file {file}") if password else None
