"""The password of the user `admin`: random, made once, in a file for its owner alone.

One that the environment provides is used instead.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from hansa import replace_file
from hansa_cli.access import PASSWORD_VARIABLE, password_file

RANDOM_BYTES = 24
"""They make 32 characters, from which on hansa-security takes a secret for random: the right one is
let in whatever failed before it.
"""
OTHERS = 0o077
"""The permission bits of group and others."""


def new_password() -> str:
    """Return a random password that nobody guesses."""
    return secrets.token_urlsafe(RANDOM_BYTES)


def ensure_password(directory: Path) -> bool:
    """Make the file with a random password, unless it is there; returns whether it was made.

    It is readable by its owner alone (mode 0600), from its first moment; one that others can read
    is made so. There is none if the environment provides the password.
    """
    if os.environ.get(PASSWORD_VARIABLE):
        return False
    file = password_file(directory)
    if file.exists() and file.read_text().strip():
        if file.stat().st_mode & OTHERS:
            file.chmod(0o600)
        return False
    replace_file(file, new_password() + "\n")
    return True


def password_reference(directory: Path) -> dict[str, str]:
    """Return the reference to the password in the definition of the user."""
    if os.environ.get(PASSWORD_VARIABLE):
        return {"$env": PASSWORD_VARIABLE}
    return {"$file": str(password_file(directory))}
