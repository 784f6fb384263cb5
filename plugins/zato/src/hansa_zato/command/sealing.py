"""`zato encrypt PATH` and `zato decrypt PATH`: tokens as `self.crypto` of services makes and reads
them, by the key of a server or that of a file.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from getpass import getpass
from pathlib import Path
from typing import Final

from cryptography.fernet import InvalidToken
from hansa import Invalid

from ..dialect.crypto import cipher_in

WRONG_INPUT: Final = 15
"""The exit code for input that cannot be used, as in Zato."""


def encrypt(words: Sequence[str]) -> int:
    """Print the token of a secret; returns the exit code."""
    path, secret = _read("encrypt", words, "Secret")
    try:
        token = cipher_in(path).encrypt(secret.encode()).decode()
    except Invalid as invalid:
        return _refused(invalid.detail)
    print(f"Encrypted value is [{token}]")
    return 0


def decrypt(words: Sequence[str]) -> int:
    """Print the secret of a token; returns the exit code."""
    path, token = _read("decrypt", words, "Encrypted value")
    try:
        secret = cipher_in(path).decrypt(token.encode()).decode()
    except Invalid as invalid:
        return _refused(invalid.detail)
    except (InvalidToken, ValueError):
        return _refused(f"the value was not encrypted with a key of {path}")
    print(f"Secret is [{secret}]")
    return 0


def _read(command: str, words: Sequence[str], label: str) -> tuple[Path, str]:
    """Return the path, and the secret or token, which is asked for where it is not given."""
    parser = argparse.ArgumentParser(prog=f"zato {command}", description=(__doc__ or "").strip())
    parser.add_argument(
        "path",
        type=Path,
        help="folder of a server, or a file with a key of `zato create secret-key`",
    )
    parser.add_argument(
        "--secret",
        help="what to work on, which others may see in the list of processes; if it is not given, the "
        "first line of the standard input, or what is asked for at a terminal",
    )
    given = parser.parse_args(words)
    value: str | None = given.secret
    if value is None and sys.stdin.isatty():
        value = getpass(f"{label} (will not be echoed): ")
    elif value is None:
        value = sys.stdin.readline().rstrip("\r\n")
    if not value:
        parser.error(f"{label.lower()}: required, and missing")
    return given.path, value


def _refused(why: str) -> int:
    print(why, file=sys.stderr)
    return WRONG_INPUT
