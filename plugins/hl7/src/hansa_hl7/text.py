"""Charsets of messages (MSH-18), and messages as text or objects, as bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hansa import Invalid

from .header import read_header

if TYPE_CHECKING:
    from hl7 import Message

DEFAULT = "utf-8"
CHARSETS = {
    "": DEFAULT,
    "ASCII": "ascii",
    "UNICODE": DEFAULT,
    "UNICODE UTF-8": DEFAULT,
    "UTF-8": DEFAULT,
    **{f"8859/{part}": f"iso8859-{part}" for part in (*range(1, 12), 13, 14, 15, 16)},
    "ISO IR87": "iso2022_jp",
    "GB 18030-2000": "gb18030",
    "KS X 1001": "euc_kr",
    "BIG-5": "big5",
}
"""Python's codecs by the names of table 0211."""


def charset_of(raw: bytes) -> str:
    """Return the codec of a message; raises `Invalid` for a charset that is not known."""
    header = read_header(raw)
    repetition = header.field(2)[1:2]
    name = header.field(18)
    if repetition:
        name = name.partition(repetition)[0]
    found = CHARSETS.get(name.strip().upper())
    if found is None:
        raise Invalid({"MSH-18": f"the charset {name[:40]!r} is not known"})
    return found


def decoded(raw: bytes) -> str:
    """Return a message as text, with CR between segments; raises `Invalid`."""
    try:
        text = raw.decode(charset_of(raw))
    except UnicodeDecodeError as error:
        raise Invalid(f"the message is not in its charset (MSH-18): {error.reason}") from None
    return text.replace("\r\n", "\r").replace("\n", "\r")


def written(message: Message | str | bytes) -> bytes:
    """Return a message as bytes in its charset, with CR after each segment; raises `Invalid`."""
    if isinstance(message, bytes):
        return message
    text = str(message).replace("\r\n", "\r").replace("\n", "\r").strip("\r ") + "\r"
    first = text.partition("\r")[0].encode("utf-8", "replace")
    try:
        return text.encode(charset_of(first))
    except UnicodeEncodeError as error:
        fault = f"the message cannot be written in its charset (MSH-18): {error.reason}"
        raise Invalid(fault) from None
