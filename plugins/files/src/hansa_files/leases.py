"""Tells whether a process of this machine still writes a file, by a lease on it (fcntl(2))."""

from __future__ import annotations

import errno
import fcntl
import os
import signal

BUSY = (errno.EAGAIN, errno.EWOULDBLOCK)


def is_being_written(path: str) -> bool:
    """Return whether a process has a file open for writing.

    False where the kernel cannot say: on network file systems, which grant no leases, and for the
    files of other users unless this process may lease them (CAP_LEASE).
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        # who opens the file while it is leased sends a signal: by default SIGIO, which ends a process
        fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return error.errno in BUSY
    finally:
        os.close(file)
    return False
