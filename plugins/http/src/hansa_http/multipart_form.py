"""Reading forms with files: multipart/form-data (RFC 7578), within the limits of a channel.

The library `multipart` finds the parts; what they have to be is decided here.
"""

from __future__ import annotations

import re
from contextlib import ExitStack
from dataclasses import dataclass
from io import BytesIO
from tempfile import SpooledTemporaryFile
from typing import IO, TypeAlias
from urllib.parse import unquote

from hansa import HansaError, Invalid, TooLarge
from multipart import MultipartError, MultipartSegment, PushMultipartParser

from .charset import charset_named, charset_of, decode_text, parameter_of
from .errors import malformed
from .forms import FormLimits
from .query import add_value
from .upload import UploadedFile

FormValue: TypeAlias = str | UploadedFile
FormValues: TypeAlias = dict[str, FormValue | list[FormValue]]
"""The fields and files of a form by name; a name that is given more than once has a list."""

IN_MEMORY = 512 * 1024
"""Size above which a file is kept on disk, in bytes."""

_CHARSET_FIELD = "_charset_"
"""A field with the charset of the others (RFC 7578, section 4.6)."""

_is_boundary = re.compile(r"[ -~]{0,69}[!-~]").fullmatch
_extended_filename = re.compile(r"filename\*\s*=\s*([\w-]+)'[^']*'([^;\"\s]+)", re.I).search
_ONCE = ("Content-Disposition", "Content-Type")
_PLAIN_CODINGS = ("7bit", "8bit", "binary")


@dataclass(slots=True)
class _Part:
    """One part of a form. It takes `largest` bytes, and is refused as `too_large` for more."""

    name: str
    content_type: str
    filename: str | None
    stream: IO[bytes]
    largest: int
    too_large: str
    size: int = 0

    def write(self, content: bytes) -> None:
        """Add content; raises `TooLarge`."""
        self.size += len(content)
        if self.size > self.largest:
            raise TooLarge(self.too_large)
        self.stream.write(content)


class MultipartReader:
    """Reads one form; `files` closes its files, and so removes them from disk."""

    def __init__(self, limits: FormLimits, files: ExitStack) -> None:
        self._limits = limits
        self._open = files
        self._parts: list[_Part] = []
        self._fields = 0
        self._files = 0
        self._text = 0

    def read(self, raw: bytes, content_type: str) -> FormValues:
        """Return the fields and files of a body.

        Raises `Invalid` for a body that is malformed or cut off, and `TooLarge` for what is beyond
        a limit, which it names.
        """
        parser = PushMultipartParser(_boundary_of(content_type))
        try:
            for event in parser.parse_blocking(BytesIO(raw).read):
                if isinstance(event, MultipartSegment):
                    self._begin(event)
                elif event is None:
                    self._end(self._parts[-1])
                else:
                    self._parts[-1].write(event)
        except MultipartError as error:
            raise malformed(f"the form is malformed: {_reason(error)}") from None
        return self._values(content_type)

    def _begin(self, segment: MultipartSegment) -> None:
        _check(segment)
        filename = _filename_of(segment)
        content_type = segment.header("Content-Type", "")
        if filename is None:
            self._parts.append(self._field(segment.name, content_type))
        else:
            content_type = content_type or "application/octet-stream"
            self._parts.append(self._file(segment.name, content_type, filename))

    def _field(self, name: str, content_type: str) -> _Part:
        limits = self._limits
        self._fields += 1
        if self._fields > limits.max_fields:
            raise too_many_fields(limits)
        if content_type.lower().startswith("multipart/"):
            raise malformed("a part of the form has parts itself (see RFC 7578, section 4.3)")
        too_large = too_much_text(limits).detail
        return _Part(name, content_type, None, BytesIO(), limits.max_text - self._text, too_large)

    def _file(self, name: str, content_type: str, filename: str) -> _Part:
        limits = self._limits
        self._files += 1
        if self._files > limits.max_files:
            raise TooLarge(
                f"the form has more than {limits.max_files} files "
                f"(setting {limits.section}.max_files)"
            )
        stream = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - closed by `_open`
        self._open.enter_context(stream)
        too_large = (
            f"the file of the field {name[:100]!r} has more than {limits.max_file} bytes "
            f"(setting {limits.section}.max_file)"
        )
        return _Part(name, content_type, filename, stream, limits.max_file, too_large)

    def _end(self, part: _Part) -> None:
        part.stream.seek(0)
        if part.filename is None:
            self._text += part.size

    def _values(self, content_type: str) -> FormValues:
        """Return the values of all parts, decoded."""
        found: FormValues = {}
        charset = self._default_charset(content_type)
        for part in self._parts:
            if part.filename is None:
                add_value(found, part.name, _text_of(part, charset))
            elif part.filename or part.size:  # a browser sends an empty one if no file is chosen
                file = UploadedFile(part.filename, part.content_type, part.size, part.stream)
                add_value(found, part.name, file)
        return found

    def _default_charset(self, content_type: str) -> str:
        for part in self._parts:
            if part.name == _CHARSET_FIELD and part.filename is None and part.size:
                return _named_by(part)
        return charset_of(content_type) or "utf-8"


def too_many_fields(limits: FormLimits) -> HansaError:
    """Return the error for a form with more fields than a channel takes."""
    return TooLarge(
        f"the form has more than {limits.max_fields} fields (setting {limits.section}.max_fields)"
    )


def too_much_text(limits: FormLimits) -> HansaError:
    """Return the error for a form whose fields are larger than a channel takes."""
    return TooLarge(
        f"the fields of the form have more than {limits.max_text} bytes "
        f"(setting {limits.section}.max_text)"
    )


def _boundary_of(content_type: str) -> str:
    boundary = parameter_of(content_type, "boundary")
    if not _is_boundary(boundary):
        raise malformed(
            "the content type multipart/form-data needs a boundary of 1 to 70 printable characters"
        )
    return boundary


def _check(segment: MultipartSegment) -> None:
    """Raise `Invalid` for a part that could be read in more than one way."""
    if not segment.name:
        raise malformed("a part of the form has no name")
    names = [name for name, _ in segment.headerlist]
    for name in _ONCE:
        if names.count(name) > 1:
            raise malformed(f"a part of the form has the header {name} twice")
    parameters = _parameters_of(segment.header("Content-Disposition"))
    if len(parameters) > len(set(parameters)):
        raise malformed("a part of the form has a parameter of its Content-Disposition twice")
    coding = segment.header("Content-Transfer-Encoding", "binary").strip().lower()
    if coding not in _PLAIN_CODINGS:
        raise malformed(
            f"a part of the form has the transfer encoding {coding[:40]!r}, which forms do not "
            "have (RFC 7578, section 4.7)"
        )


def _parameters_of(disposition: str) -> list[str]:
    """Return the names of the parameters of a Content-Disposition, in lower case."""
    unescaped = disposition.replace("\\\\", "").replace('\\"', "")
    outside_quotes = "".join(unescaped.split('"')[::2])
    names = [part.partition("=")[0].strip().lower() for part in outside_quotes.split(";")]
    return [name for name in names if name]


def _filename_of(segment: MultipartSegment) -> str | None:
    """Return the name of the file in a part, perhaps empty; None for a field.

    Some clients write it as an extended parameter (RFC 8187), against RFC 7578, section 4.2.
    """
    if segment.filename is not None:
        return str(segment.filename)
    found = _extended_filename(segment.header("Content-Disposition"))
    if found is None:
        return None
    return unquote(found[2], charset_named(found[1]))


def _text_of(part: _Part, charset: str) -> str:
    """Return the value of a field; the charset of its own content type counts more than `charset`."""
    content = part.stream.read()
    part.stream.seek(0)
    try:
        charset = charset_of(part.content_type) or charset
    except Invalid as invalid:
        raise Invalid({part.name: invalid.detail}) from None
    try:
        return decode_text(content, charset)
    except Invalid:
        raise Invalid({part.name: f"is not valid {charset}"}) from None


def _named_by(part: _Part) -> str:
    """Return the charset that a field names."""
    try:
        return charset_named(_text_of(part, "ascii"))
    except Invalid:
        raise Invalid({part.name: "is not a charset that is known"}) from None


def _reason(error: MultipartError) -> str:
    """Return what the library found, without what it adds in parentheses."""
    text = str(error.args[0]) if error.args else "unreadable"
    text = text.partition(" (")[0]
    return text[:1].lower() + text[1:]
