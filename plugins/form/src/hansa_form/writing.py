"""Writing forms: fields as application/x-www-form-urlencoded, or as multipart/form-data."""

from __future__ import annotations

import re
import secrets
from typing import cast
from urllib.parse import urlencode

from hansa import Invalid
from hansa_http import UploadedFile
from hansa_http.forms import FORM, MULTIPART
from multipart import content_disposition_quote, content_disposition_unquote

from .fields import Field, fields_of
from .settings import FormSettings

_is_content_type = re.compile(r"[!-.0-~]+/[!-:<-~]+(?: *;[ -~]*)?").fullmatch


def write_values(value: object, config: FormSettings) -> tuple[bytes, str]:
    """Return a form and its content type; raises `Invalid` with all values and names that it cannot
    hold.

    A form is urlencoded, unless it has files in it or the settings say otherwise.
    """
    fields = fields_of(value)
    if config.multipart or any(isinstance(one, UploadedFile) for _, one in fields):
        return _multipart(fields, config.encoding)
    try:
        return urlencode(fields, encoding=config.encoding, errors="strict").encode(), FORM
    except UnicodeError:
        raise _not_in_charset(config.encoding) from None


def _multipart(fields: list[Field], charset: str) -> tuple[bytes, str]:
    """Return a form as RFC 7578 has it, and its content type with the boundary."""
    _check(fields)
    boundary = secrets.token_hex(16)  # nobody can foresee it, and so put it into a value
    parts = []
    for name, value in fields:
        try:
            head, content = _part(name, value, charset)
        except UnicodeError:
            raise _not_in_charset(charset) from None
        parts.append(b"--%s\r\n%s\r\n\r\n%s\r\n" % (boundary.encode(), head, content))
    body = b"".join(parts) + b"--%s--\r\n" % boundary.encode()
    return body, f"{MULTIPART}; boundary={boundary}"


def _part(name: str, value: str | UploadedFile, charset: str) -> tuple[bytes, bytes]:
    """Return the headers and the content of one part; names are UTF-8 (HTML Standard, 4.10.22.8)."""
    lines = [f"Content-Disposition: form-data; name={content_disposition_quote(name)}"]
    if isinstance(value, UploadedFile):
        lines[0] += f"; filename={content_disposition_quote(_file_name(value))}"
        lines.append(f"Content-Type: {value.content_type}")
        value.stream.seek(0)
        content = value.stream.read()
    else:
        content = value.encode(charset)
        if charset != "utf-8":
            lines.append(f"Content-Type: text/plain; charset={charset}")
    return "\r\n".join(lines).encode(), content


def _file_name(file: UploadedFile) -> str:
    return file.name or "file"


def _check(fields: list[Field]) -> None:
    """Raise `Invalid` for names and content types that would be read as others."""
    faults: dict[str, str] = {}
    for name, value in fields:
        if not name:
            faults['""'] = "a field without a name cannot stand in multipart/form-data"
        elif _quoted_and_back(name) != name:
            faults[name] = "such a name cannot stand in multipart/form-data"
        if not isinstance(value, UploadedFile):
            continue
        if _quoted_and_back(_file_name(value)) != _file_name(value):
            faults[name] = "the name of its file cannot stand in multipart/form-data"
        if not _is_content_type(value.content_type):
            faults[name] = "the content type of its file is none"
    if faults:
        raise Invalid(faults)


def _quoted_and_back(name: str) -> str:
    """Return a name as a recipient reads it."""
    return cast(str, content_disposition_unquote(content_disposition_quote(name)))


def _not_in_charset(charset: str) -> Invalid:
    return Invalid(f"the form has characters that {charset} does not have")
