"""Paths of requests and of channels in one form, in which each path has one spelling."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes
from wsgiref.types import WSGIEnvironment

from hansa import Invalid

_ENCODED_SLASH = "\udc2f"
"""Stands for `%2F`, which is part of a segment where a slash is between two (RFC 3986, section
2.2).

Being a lone surrogate, it is in no text that was decoded from UTF-8.
"""
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SLASH = re.compile(r"%2f", re.I)


def path_of(environ: WSGIEnvironment) -> str:
    """Return the path of a request as `decode_path` does; raises `Invalid`.

    It is taken from the target as it was sent, where the server has it: WSGI's own PATH_INFO is
    decoded, and its leading slashes may be lost.
    """
    target: str | None = environ.get("REQUEST_URI")
    if target is None:
        return _decoded(environ["PATH_INFO"].encode("latin-1")) or "/"
    path = target.partition("?")[0]
    return decode_path(path) if "%" in path else path


def decode_path(path: str) -> str:
    """Return a path with its segments decoded, in which an encoded slash is told from one that is
    not.

    Raises `Invalid` for a stray %, and for what is not UTF-8.
    """
    if _STRAY_PERCENT.search(path):
        raise Invalid("the path has a % that is not followed by two hexadecimal digits")
    pieces = [_decoded(unquote_to_bytes(piece)) for piece in _SLASH.split(path)]
    return _ENCODED_SLASH.join(pieces)


def _decoded(piece: bytes) -> str:
    try:
        return piece.decode()
    except UnicodeDecodeError:
        raise Invalid("the path is not UTF-8") from None


def value_of(text: str) -> str:
    """Return a part of a decoded path as the value that it stands for."""
    return text.replace(_ENCODED_SLASH, "/")


def shown(path: str) -> str:
    """Return a decoded path as text to show, in which an encoded slash stays `%2F`."""
    return path.replace(_ENCODED_SLASH, "%2F")
