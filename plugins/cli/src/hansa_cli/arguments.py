"""Arguments and options that several commands have, and what is read for them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click


def name_argument() -> click.Argument:
    """Return a new argument NAME."""
    return click.Argument(["name"])


def filter_option() -> click.Option:
    """Return a new option `--filter`."""
    return click.Option(["--filter"], default="", help="Only those whose name contains this text.")


def payload_option() -> click.Option:
    """Return a new option `--payload`, whose value is for `read_json`."""
    return click.Option(["--payload"], help="Input as JSON; @FILE reads a file, - standard input.")


def read_json(given: str, option: str) -> object:
    """Return the JSON that an option gives: itself, in a file as `@FILE`, or standard input as `-`.

    Raises a usage error, which names the option, if it cannot be read or is not JSON.
    """
    text = given
    if given == "-":
        text = sys.stdin.read()
    elif given.startswith("@"):
        text = text_of(given[1:])
    try:
        found: object = json.loads(text)
    except ValueError as error:
        raise click.UsageError(f"{option}: not valid JSON: {error}") from None
    return found


def text_option(argument: str) -> click.Option:
    """Return a new option `--text`, for a command whose argument is for `read_json_or_text`."""
    return click.Option(["--text"], is_flag=True, help=f"{argument} is a text, and not JSON.")


def read_json_or_text(given: str, argument: str, *, text: bool) -> object:
    """Return what an argument gives: a text as it is, or the JSON that `read_json` reads; raises
    what that does.
    """
    return given if text else read_json(given, f"{argument} (a text needs --text)")


def text_of(path: str | Path) -> str:
    """Return the text of a file; a usage error if it cannot be read."""
    try:
        return Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{path} cannot be read: {error}") from None
