"""The charset of HTTP bodies: the parameter of the content type counts (RFC 9110, 8.3.2), for XML
also over the document's own declaration, and only a byte order mark over it (RFC 7303, 3.2).

Formats read and write UTF-8, so that bodies are transcoded before a format and after it. The XML
declaration of a transcoded document is changed to the encoding that it then has.
"""

from __future__ import annotations

import codecs
import re
from email.message import Message
from functools import lru_cache

from hansa import Invalid

_XML_DECLARATION = re.compile(
    r"""\A(<\?xml\s+version\s*=\s*(?:"[^"]*"|'[^']*')\s+encoding\s*=\s*)(?:"[^"]*"|'[^']*')"""
)
_CHARSET_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]*").fullmatch
_LONGEST_DECLARATION = 200
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_NO_CHARSETS = frozenset(
    ("idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "utf-7")
)
"""Codecs of Python that are no charsets of messages; some of them take very long."""


@lru_cache(maxsize=256)
def media_type_of(content_type: str) -> str:
    """Return the media type in a Content-Type header, lower-case and without parameters."""
    return content_type.partition(";")[0].strip().lower()


@lru_cache(maxsize=256)
def parameter_of(content_type: str, name: str) -> str:
    """Return a parameter of a Content-Type header, unquoted; an empty text if it has none."""
    message = Message()
    message["Content-Type"] = content_type
    value = message.get_param(name, "")
    return value.strip() if isinstance(value, str) else ""


@lru_cache(maxsize=256)
def charset_of(content_type: str) -> str:
    """Return the charset parameter of a Content-Type header by the name of its codec, such as
    `utf-8` or `iso8859-1`; an empty text if there is none.

    Raises `Invalid` for a charset that is not known.
    """
    given = parameter_of(content_type, "charset")
    return charset_named(given) if given else ""


def charset_named(given: str) -> str:
    """Return the name of the codec of a charset; raises `Invalid` for one that is not known."""
    name = ""
    if _CHARSET_NAME(given):
        try:
            "".encode(given)  # a LookupError also for what encodes no text, such as base64
            name = codecs.lookup(given).name
        except LookupError:
            pass
    if not name or name.replace("_", "-") in _NO_CHARSETS:
        raise Invalid(f"the charset {given[:40]!r} of the content type is not known")
    return name


def is_xml(media_type: str) -> bool:
    """Whether a media type is one of XML: `application/xml`, `text/xml`, or with `+xml`."""
    return media_type in ("application/xml", "text/xml") or media_type.endswith("+xml")


def to_utf8(content: bytes, content_type: str) -> bytes:
    """Return a body in UTF-8, read by the charset of its content type; without one, as it is.

    Raises `Invalid` for a charset that is not known, or in which the body is not valid.
    """
    charset = charset_of(content_type)
    if not charset:
        return content
    if not is_xml(media_type_of(content_type)):
        return content if charset == "utf-8" else decode_text(content, charset).encode()
    for mark, marked in _BYTE_ORDER_MARKS.items():
        if content.startswith(mark):
            charset = marked
    if charset == "utf-8":
        # the text itself need not be decoded, the declaration is ASCII
        start = content.removeprefix(codecs.BOM_UTF8)[:_LONGEST_DECLARATION]
        rest = content.removeprefix(codecs.BOM_UTF8)[_LONGEST_DECLARATION:]
        return _declare(start.decode("latin-1"), "utf-8").encode("latin-1") + rest
    return _declare(decode_text(content, charset), "utf-8").encode()


def decode_text(content: bytes, charset: str) -> str:
    """Return bytes as text without a byte order mark; raises `Invalid` if they are not valid."""
    try:
        return content.decode(charset).removeprefix("\ufeff")
    except UnicodeError:
        raise Invalid(f"the body is not valid {charset}, the charset of its content type") from None


def encode_text(text: str, content_type: str) -> bytes:
    """Return text in the charset of its content type, UTF-8 without one.

    Raises `Invalid` for a charset that is not known, or that has not all the characters.
    """
    charset = charset_of(content_type) or "utf-8"
    if is_xml(media_type_of(content_type)):
        text = _declare(text, parameter_of(content_type, "charset") or "utf-8")
    try:
        return text.encode(charset)
    except UnicodeError:
        raise Invalid(f"the text has characters that its charset {charset} has not") from None


def from_utf8(content: bytes, content_type: str) -> bytes:
    """Return a body that a format wrote, which is UTF-8, in the charset of its content type.

    Raises `Invalid` for a charset that is not known, or that has not all the characters.
    """
    if charset_of(content_type) in ("", "utf-8"):
        return content
    return encode_text(content.decode(), content_type)


def _declare(text: str, charset: str) -> str:
    """Return a document whose XML declaration, if it names an encoding, names this one."""
    return _XML_DECLARATION.sub(lambda found: f'{found[1]}"{charset}"', text, count=1)
