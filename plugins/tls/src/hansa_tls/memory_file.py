"""Files in memory, for libraries that read certificates and keys from files alone."""

from __future__ import annotations

import os
import tempfile
import weakref


class MemoryFile(str):
    """The path of a file that only this process, its user and root can read, in memory where the
    system has that (Linux), else in the folder for temporary files.

    The file is there for as long as this object is.
    """

    __slots__ = ("__weakref__",)

    def __new__(cls, name: str, content: bytes) -> MemoryFile:
        """Make a file; `name` is what the system lists it by."""
        if hasattr(os, "memfd_create"):
            descriptor = os.memfd_create(name, os.MFD_CLOEXEC)
            os.fchmod(descriptor, 0o600)
            self = super().__new__(cls, f"/proc/self/fd/{descriptor}")
            weakref.finalize(self, os.close, descriptor)
            with open(descriptor, "wb", closefd=False) as file:
                file.write(content)
            return self
        descriptor, path = tempfile.mkstemp(prefix=name)
        self = super().__new__(cls, path)
        weakref.finalize(self, os.unlink, path)
        with open(descriptor, "wb") as file:
            file.write(content)
        return self
