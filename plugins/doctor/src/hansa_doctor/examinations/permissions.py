"""Whether files with secrets can be read by their owner alone."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from hansa import ExaminedServer, Finding

from ..subject import parts_around

NAMES = ("secret.key*", "*.password", "*.secret", "config.toml", "password", "address", "*.sqlite*")
"""Names of files that hold secrets."""
KEY_NAMES = ("*key.pem", "*-priv.pem")
"""Names of files with private keys."""


def secret_files(folder: Path) -> Iterator[Path]:
    """Yield the files of a component that hold secrets, whether they are there or not."""
    for place in (folder, folder / "valkey"):
        for name in NAMES:
            yield from place.glob(name)
    for name in KEY_NAMES:
        yield from folder.rglob(name)


def examine(server: ExaminedServer) -> Iterator[Finding]:
    """Yield each file that others than its owner can read, or that another user owns."""
    folders = {server.folder, *(part.folder for part in parts_around(server))}
    home = server.config.parent.parent
    if (home / ".hansa-info").exists():
        folders.add(home)
    files = {path for folder in folders for path in secret_files(folder) if path.is_file()}
    well = 0
    for path in sorted(files):
        found = path.stat()
        if stat.S_IMODE(found.st_mode) & 0o077:
            mode = f"{stat.S_IMODE(found.st_mode):04o}"
            yield Finding("fault", f"{path} can be used by others ({mode})", f"chmod 600 {path}")
        elif os.geteuid() not in (0, found.st_uid):
            remedy = f"run hansa doctor as its owner, or chown the file: {path}"
            yield Finding("warning", f"{path} belongs to user {found.st_uid}", remedy)
        else:
            well += 1
    yield Finding("ok", f"{well} files with secrets are their owner's alone")
