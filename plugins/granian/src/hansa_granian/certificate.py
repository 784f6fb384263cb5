"""The certificate that granian is given: a copy in memory that was tried in a process of its own, since
granian aborts its process for a file that it cannot use.
"""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hansa import Invalid

from .worker import GranianWorker

TRY_LIMIT = 60.0
"""Seconds that a trial may take."""
_USABLE = (
    "granian takes keys that are RSA of 2048 to 4096 bits, P-256, P-384 or Ed25519, and "
    "certificates of X.509 version 3"
)


@contextmanager
def tried_copy(file: Path | None) -> Iterator[Path | None]:
    """Yield a copy of a file with certificate chain and key (PEM), which stays as it was tried; None
    for None.

    Raises `Invalid` for one that cannot be read, or that granian cannot use, and
    `subprocess.TimeoutExpired`.
    """
    if file is None:
        yield None
        return
    descriptor = os.memfd_create("certificate")
    try:
        copy = Path(f"/proc/self/fd/{descriptor}")  # which the process that tries it can open, too
        try:
            copy.write_bytes(file.read_bytes())
        except OSError as error:
            raise Invalid({"http.certificate": f"{file} cannot be used: {error}"}) from None
        if not _is_usable(copy, descriptor):
            raise Invalid({"http.certificate": f"{file} cannot be used: {_USABLE}"})
        yield copy
    finally:
        os.close(descriptor)


def _is_usable(copy: Path, descriptor: int) -> bool:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "hansa_granian.certificate", str(copy)],
        pass_fds=[descriptor],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=TRY_LIMIT,
        check=False,
    )
    return not done.returncode


def _serve_once(file: Path) -> None:
    """Have granian read a file, which ends this process if it cannot use it."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # which would have the key
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        worker = GranianWorker(
            listening,
            lambda watcher: watcher.done(),
            threads=1,
            connection_limit=1,
            max_header=8192,
            timeout=1,
            backlog=1,
            certificate=file,
        )
        worker.end(TRY_LIMIT)


if __name__ == "__main__":
    _serve_once(Path(sys.argv[1]))
