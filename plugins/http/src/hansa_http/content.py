"""The body of an outgoing call: bytes, text, objects, forms and files, labelled as what it is."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import IO, TypeAlias
from urllib.parse import urlencode

from hansa import Invalid, Misused

from .charset import charset_of, encode_text, from_utf8, media_type_of, parameter_of
from .coding import CodingError, codings_of, encode
from .formats import ConnectionFormats
from .forms import FORM, MULTIPART
from .upload import UploadedFile

FileContent: TypeAlias = bytes | IO[bytes]
NamedFile: TypeAlias = tuple[str, FileContent] | tuple[str, FileContent, str]
File: TypeAlias = FileContent | NamedFile | UploadedFile
"""A file: its content, or its name and content, or name, content and content type, or one that was
uploaded.
"""

Files: TypeAlias = Mapping[str, File | list[File]]
"""The files of a form by the names of their fields."""


class BodyWriter:
    """Writes the bodies of one connection's calls; `label` is what errors call the connection.

    `coding` is the content coding that bodies get, empty for none.
    """

    def __init__(self, label: str, formats: ConnectionFormats, coding: str) -> None:
        self._label = label
        self._formats = formats
        self._coding = coding

    def write(self, data: object, files: Files | None, headers: MutableMapping[str, str]) -> bytes:
        """Return the body of a call; `headers` may describe it, and describe it afterwards.

        Content-Type says how text and objects are written: by which format, in which charset, as a
        form. Bytes are sent as they are. Raises `Invalid` for data that cannot be sent so.
        """
        try:
            given = header_of(headers, "Content-Type")
            content, content_type = self._write(data, files, given)
            if content_type != given:
                set_header(headers, "Content-Type", content_type)
            return self._encode(content, headers, encoded=_is_bytes(data) and files is None)
        except (CodingError, UnicodeError, TypeError) as error:
            raise Invalid(f"{self._label}: the body cannot be written: {error}") from None
        except Invalid as invalid:
            detail = f"{self._label}: the body cannot be written: {invalid.detail}"
            raise type(invalid)(invalid.errors, detail) from None

    def _write(self, data: object, files: Files | None, given: str) -> tuple[bytes, str]:
        """Return a body with its content type; `given` is the one that is asked for."""
        media_type = media_type_of(given)
        if files is not None:
            return self._multipart(data, files, given)
        if data is None:
            return b"", given
        if isinstance(data, bytes | bytearray | memoryview):
            return bytes(data), given
        if isinstance(data, str):
            return self._text(data, given)
        if media_type == FORM:
            charset = charset_of(given) or "utf-8"
            return urlencode(pairs_of(_fields(data)), encoding=charset).encode(), given
        if media_type == MULTIPART:
            return self._multipart(data, {}, given)
        if media_type.startswith("multipart/"):
            raise Misused(f"{media_type} is written by the caller, as bytes")
        return self._objects(data, given)

    def _text(self, data: str, given: str) -> tuple[bytes, str]:
        content_type = given
        if not content_type:
            format = self._formats.own
            content_type = format.content_type if format else "text/plain; charset=utf-8"
        return encode_text(data, content_type), content_type

    def _objects(self, data: object, given: str) -> tuple[bytes, str]:
        """Return objects as the format of the content type writes them, or the connection's own."""
        format = (self._formats.of(media_type_of(given)) if given else None) or self._formats.own
        if format is None:
            kind = type(data).__name__
            raise Misused(
                f"the connection has no format: it can send bytes, text, forms, and no {kind}"
            )
        content, content_type = format.write(data)
        content_type = given or content_type
        return from_utf8(content, content_type), content_type

    def _multipart(self, data: object, files: Files, given: str) -> tuple[bytes, str]:
        """Return a form with files (RFC 7578), with a boundary in its content type."""
        if given and media_type_of(given) != MULTIPART:
            raise Misused(f"files are sent as {MULTIPART}, not as {media_type_of(given)}")
        # PERF: its library takes long to import, a worker starts without it
        import httpx2

        parts: list[tuple[str, FileContent | NamedFile | tuple[None, bytes]]] = []
        for name, value in pairs_of({} if data is None else _fields(data)):
            parts.append((name, (None, value.encode())))
        for name, file in files.items():
            parts.extend((name, _part_of(one)) for one in _several(file))
        headers = {"Content-Type": given} if parameter_of(given, "boundary") else {}
        request = httpx2.Request("POST", "http://form", headers=headers, files=parts)
        return request.read(), request.headers["Content-Type"]

    def _encode(self, content: bytes, headers: MutableMapping[str, str], *, encoded: bool) -> bytes:
        """Return a body in the content codings that its headers name, else in the connection's.

        Bytes whose headers name a coding are `encoded` by the caller.
        """
        given = header_of(headers, "Content-Encoding")
        if given:
            for coding in codings_of(given) if not encoded else ():
                content = encode(content, coding)
            return content
        if self._coding and content:
            content = encode(content, self._coding)
            set_header(headers, "Content-Encoding", self._coding)
        return content


def _several(files: File | list[File]) -> list[File]:
    return files if isinstance(files, list) else [files]


def _part_of(file: File) -> FileContent | NamedFile:
    """Return a file as the library for HTTP takes it."""
    if isinstance(file, UploadedFile):
        file.stream.seek(0)
        return file.name or "file", file.stream, file.content_type
    return file


def header_of(headers: Mapping[str, str], name: str) -> str:
    """Return a header by its name in any case; an empty text if there is none."""
    for key, value in headers.items():
        if key.lower() == name.lower():
            return value
    return ""


def set_header(headers: MutableMapping[str, str], name: str, value: str) -> None:
    """Set a header, in place of one whose name differs in case only."""
    for key in list(headers):
        if key.lower() == name.lower():
            del headers[key]
    headers[name] = value


def pairs_of(fields: Mapping[str, object]) -> list[tuple[str, str]]:
    """Return the names and values of a form or query string; None is left out, a list repeats.

    True and False become `true` and `false`. Raises `Invalid` for a value that is itself an object.
    """
    pairs = []
    for name, value in fields.items():
        several = value if isinstance(value, list | tuple) else (value,)
        for one in several:
            if isinstance(one, Mapping | list | tuple | set):
                raise Invalid({str(name): f"is a {type(one).__name__}, which a form cannot hold"})
            if one is not None:
                pairs.append((str(name), text_of(one)))
    return pairs


def text_of(value: object) -> str:
    """Return a value as text in a path, query string or form."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.decode() if isinstance(value, bytes) else str(value)


def _fields(data: object) -> Mapping[str, object]:
    if not isinstance(data, Mapping):
        raise Misused(f"the fields of a form are a dict, and no {type(data).__name__}")
    return data


def _is_bytes(data: object) -> bool:
    return data is None or isinstance(data, bytes | bytearray | memoryview)
