"""A file that came with a form, as services see it."""

from __future__ import annotations

import re
from typing import IO, Any, ClassVar

from hansa import PassedObject

_FOLDERS = re.compile(r"[/\\]")
_LONGEST_NAME = 255
"""Bytes that the name of a file has on most file systems."""


class UploadedFile(PassedObject):
    """A file that came with a form (multipart/form-data); it can be read until its service returns.

    `name` is the name that the sender gave it, without folders and unprintable characters, and may
    be empty; `content_type` is what the sender says it is. Neither is verified. `size` is in bytes.
    `stream` is an open binary file, at its beginning; a large one is on disk, and is removed from
    there when the service has returned.
    """

    json_schema: ClassVar[dict[str, Any]] = {"type": "string", "format": "binary"}
    expected: ClassVar[str] = "a file of a form (multipart/form-data)"

    def __init__(self, name: str, content_type: str, size: int, stream: IO[bytes]) -> None:
        self.name = plain_name(name)
        self.content_type = content_type
        self.size = size
        self.stream = stream

    def read(self, size: int = -1) -> bytes:
        """Return the next `size` bytes of the content, by default all that are left."""
        return self.stream.read(size)

    def __repr__(self) -> str:
        return f"<UploadedFile {self.name!r}, {self.content_type}, {self.size} bytes>"


def plain_name(given: str) -> str:
    """Return the name of a file without folders and unprintable characters, cut to 255 bytes from
    its end; an empty text where nothing is left that may be the name of a file.
    """
    last = _FOLDERS.split(given)[-1]
    printable = "".join(character for character in last if character.isprintable())
    name = printable.encode()[-_LONGEST_NAME:].decode(errors="ignore").strip()
    return "" if name in (".", "..") else name
