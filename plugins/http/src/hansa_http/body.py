"""The body of a request, without its content codings (RFC 9110, section 8.4)."""

from __future__ import annotations

from wsgiref.types import WSGIEnvironment

from hansa import TooLarge

from .coding import ACCEPTED, CodingError, DecodedTooLarge, UnknownCoding, decode
from .errors import UnsupportedMediaType, malformed


class UnsupportedCoding(UnsupportedMediaType):
    """A request has a content coding that is not known here; the answer names those that are."""

    code = "unsupported-coding"


def read_body(environ: WSGIEnvironment, largest: int) -> bytes:
    """Return the body of a request, decoded; the environment then describes what is returned.

    Raises `TooLarge` for more than `largest` bytes, `UnsupportedCoding`, and `Invalid` for a body
    that is damaged or cut off.
    """
    length = environ.get("CONTENT_LENGTH")
    if not length or length == "0":
        return b""
    body: bytes = environ["wsgi.input"].read(int(length))
    coding = environ.pop("HTTP_CONTENT_ENCODING", "")
    if not coding:
        return body
    try:
        body = decode(body, coding, largest)
    except UnknownCoding as error:
        raise UnsupportedCoding(str(error), headers={"Accept-Encoding": ACCEPTED}) from None
    except DecodedTooLarge as error:
        raise TooLarge(str(error)) from None
    except CodingError as error:
        raise malformed(str(error)) from None
    environ["CONTENT_LENGTH"] = str(len(body))
    return body
