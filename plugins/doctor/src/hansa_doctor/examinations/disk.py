"""How much space the file systems have that a server writes to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from hansa import ExaminedServer, Finding

from ..subject import parts_around, place_of

LITTLE: Final = 2**30
"""Bytes below which the space is little."""
NONE_LEFT: Final = 100 * 2**20
"""Bytes below which it is as good as none."""
SHARE: Final = 0.1
"""Share of the file system below which the space, or the number of files, is little."""
_REMEDY: Final = (
    "make space on {path}: logs ([log] max_size, kept), old backups, a larger file system"
)


def examine(server: ExaminedServer) -> Iterator[Finding]:
    """Yield each file system once."""
    folders = [server.folder, *(part.folder for part in parts_around(server))]
    file = place_of(server).odb_file
    if file is not None:
        folders.append(file.parent)
    seen: set[int] = set()
    for folder in folders:
        if folder.is_dir() and folder.stat().st_dev not in seen:
            seen.add(folder.stat().st_dev)
            yield _judged(folder)


def _judged(path: Path) -> Finding:
    found = os.statvfs(path)
    free = found.f_bavail * found.f_frsize
    whole = max(1, found.f_blocks * found.f_frsize)
    files = found.f_favail / found.f_files if found.f_files else 1.0
    text = f"{free / 2**30:.1f} GiB free of {whole / 2**30:.1f} for {path}"
    remedy = _REMEDY.format(path=path)
    if found.f_flag & os.ST_RDONLY:
        return Finding("fault", f"the file system of {path} is read-only", "mount it for writing")
    if free < NONE_LEFT or files < 0.01:
        return Finding("fault", f"{text}, {files:.0%} of the files", remedy)
    if free < LITTLE or free / whole < SHARE or files < SHARE:
        return Finding("warning", f"{text}, {files:.0%} of the files", remedy)
    return Finding("ok", text)
