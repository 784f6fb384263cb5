"""A file in a form, as a value that is read and written."""

from __future__ import annotations

from io import BytesIO

from hansa_http import UploadedFile


class FormFile(UploadedFile):
    """A file in a form: its content as bytes, the name that its sender gave it, and its content type.

    The name is without folders and unprintable characters. Neither it nor the content type is
    verified. It is an `UploadedFile`, so that an Input that takes those takes either.
    """

    def __init__(
        self, content: bytes, name: str = "file", content_type: str = "application/octet-stream"
    ) -> None:
        super().__init__(name, content_type, len(content), BytesIO(content))
        self.content = content

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FormFile):
            return NotImplemented
        return self._parts() == other._parts()

    def __hash__(self) -> int:
        return hash(self._parts())

    def _parts(self) -> tuple[bytes, str, str]:
        return self.content, self.name, self.content_type
