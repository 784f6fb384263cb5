"""What can be written wherever it is kept or shown: lone surrogates, as in names of files that are not
UTF-8, are no characters, and neither UTF-8 nor JSON can say them.
"""

from __future__ import annotations

import json

import msgspec


def writable(text: str) -> str:
    """Return a text with `?` for each lone surrogate."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def write_kept(value: object) -> bytes:
    """Return the JSON of a record that is kept, with `?` for each lone surrogate: what one text has
    must not keep all others from being stored.
    """
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        text = json.dumps(msgspec.to_builtins(value), ensure_ascii=False)
        return text.encode(errors="replace")
