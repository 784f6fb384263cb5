"""Reading forms: which of the two notations a message has, and its values by name.

hansa-http reads the notations themselves, for its channels as well.
"""

from __future__ import annotations

import re
from contextlib import ExitStack
from typing import TypeAlias

from hansa_http import UploadedFile
from hansa_http.form_body import read_form
from hansa_http.forms import FORM, MULTIPART
from hansa_http.multipart_form import FormValue

from .file import FormFile
from .settings import FormSettings

Value: TypeAlias = str | FormFile
Values: TypeAlias = dict[str, Value | list[Value]]
"""Texts and files by name; a name that is given more than once has a list."""

_BOUNDARY = rb"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]"
"""RFC 2046, section 5.1.1."""
_first_line = re.compile(rb"(?:\r\n)?--(%s)[ \t]*\r\n" % _BOUNDARY).match
_without_parts = re.compile(rb"(?:\r\n)?--%s--[ \t]*(?:\r\n)?" % _BOUNDARY).fullmatch


def read_values(raw: bytes, config: FormSettings) -> Values:
    """Return the values of a form; raises `Invalid` for what is malformed, and `TooLarge` for what
    is beyond a limit.

    A form in multipart/form-data (RFC 7578) says itself what its boundary is, in its first line.
    Everything else is application/x-www-form-urlencoded, which has no line of that shape.
    """
    if _without_parts(raw):
        return {}
    with ExitStack() as files:
        found = read_form(raw, _content_type_of(raw, config), config, files)
        return {name: _kept(value) for name, value in found.items()}


def _content_type_of(raw: bytes, config: FormSettings) -> str:
    """Return the content type of a message, as its bytes show it."""
    first = _first_line(raw)
    if first is None:
        return f"{FORM}; charset={config.encoding}"
    return f'{MULTIPART}; boundary="{first[1].decode()}"; charset={config.encoding}'


def _kept(value: FormValue | list[FormValue]) -> Value | list[Value]:
    """Return values that outlive the reading of the form: files as bytes."""
    if isinstance(value, list):
        return [_kept_one(one) for one in value]
    return _kept_one(value)


def _kept_one(value: FormValue) -> Value:
    if not isinstance(value, UploadedFile):
        return value
    return FormFile(value.read(), value.name, value.content_type)
