"""The password of the user `admin`: random, made once, in a file that only the owner reads, unless the environment gives one."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from hansa_cli.access import PASSWORD_VARIABLE, password_file


def ensure_password(directory: Path) -> bool:
    """Make the file with a random password unless there is one, or the environment gives it; tells whether it was made.

    The file is readable by its owner alone (mode 0600), from its first moment; one that others can read is made so.
    """
    if os.environ.get(PASSWORD_VARIABLE):
        return False
    file = password_file(directory)
    directory.mkdir(parents=True, exist_ok=True)
    if file.exists() and file.read_text().strip():
        if file.stat().st_mode & 0o077:
            file.chmod(0o600)
        return False
    fresh = file.with_name(f"{file.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as opened:
        opened.write(secrets.token_urlsafe(18) + "\n")
    os.replace(fresh, file)
    return True


def password_reference(directory: Path) -> dict[str, str]:
    """The setting that stands for the password in the definition of the user."""
    if os.environ.get(PASSWORD_VARIABLE):
        return {"$env": PASSWORD_VARIABLE}
    return {"$file": str(password_file(directory))}
