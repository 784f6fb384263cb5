"""The files with certificates that HAProxy reads when it is started or reloaded, and when they were
replaced.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from .settings import LoadBalancerSection

Stamps: TypeAlias = tuple[tuple[int, int, int], ...]
"""For each file what tells its content from the next: inode, size, time of change."""


def stamps(section: LoadBalancerSection, folder: Path) -> Stamps:
    """Return the stamps of the files with certificates; zeros for one that is not there."""
    names = (section.certificate, section.client_ca, section.server_ca)
    return tuple(_stamp(folder / name) for name in names if name)


def _stamp(file: Path) -> tuple[int, int, int]:
    try:
        # through links, as certbot has them
        found = file.stat()
    except OSError:
        return 0, 0, 0
    return found.st_ino, found.st_size, found.st_mtime_ns
