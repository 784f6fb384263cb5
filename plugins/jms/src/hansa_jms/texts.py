"""Text as Java writes it: ActiveMQ stores texts in "modified UTF-8" and passes the bytes on as they are.

A NUL has two bytes, and a character beyond U+FFFF six, those of its two surrogates (`java.io.DataInput`).
A text that is sent in proper UTF-8 cannot be read by Java if it has such characters.
"""

from __future__ import annotations

import re

_BEYOND = re.compile("[\U00010000-\U0010ffff]")
_NUL = b"\xc0\x80"


def to_java(text: str) -> bytes:
    """Return text in modified UTF-8, which has no zero byte; raises UnicodeEncodeError."""
    written = text.encode()
    if _BEYOND.search(text):
        written = _BEYOND.sub(_surrogates, text).encode("utf-8", "surrogatepass")
    return written.replace(b"\0", _NUL)


def _surrogates(found: re.Match[str]) -> str:
    pair = found[0].encode("utf-16-be")
    return chr(int.from_bytes(pair[:2], "big")) + chr(int.from_bytes(pair[2:], "big"))


def from_java(written: bytes) -> bytes:
    """Return the UTF-8 of modified UTF-8; what is neither is returned as it is."""
    try:
        written.decode()
        return written
    except UnicodeDecodeError:
        pass
    try:
        text = written.replace(_NUL, b"\0").decode("utf-8", "surrogatepass")
        return text.encode("utf-16", "surrogatepass").decode("utf-16").encode()
    except UnicodeError:
        return written


def fault_of_text(text: str) -> str:
    """Return what ActiveMQ would change in a property or in an item of a map; empty if nothing.

    It writes each character beyond U+FFFF as two that are wrong, also between two clients in Java.
    """
    if _BEYOND.search(text):
        return "has characters beyond U+FFFF, which ActiveMQ keeps in texts alone"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "has characters that UTF-8 does not have"
    return "has a NUL" if "\0" in text else ""
