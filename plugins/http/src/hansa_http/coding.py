"""Content codings of HTTP bodies (RFC 9110, 8.4): gzip, deflate, br and zstd, decoded whole and
within a limit.
"""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Callable
from typing import Protocol

import brotli

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ACCEPTED = "gzip, deflate, br, zstd"
"""Value of Accept-Encoding: all codings that are decoded here."""

_MOST_CODINGS = 4
_MOST_STREAMS = 1000
_BLOCK = 2**16
_ZSTD_WINDOW = 23
"""Largest window of zstd, as a power of two: 8 MiB (RFC 9659)."""


class _Decompressor(Protocol):
    """What zlib and zstd have in common; `eof` once its stream has ended."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes: ...


class CodingError(ValueError):
    """A body is not what its Content-Encoding says: damaged, cut off, or followed by other bytes."""


class UnknownCoding(CodingError):
    """A Content-Encoding has a coding that is not known here."""


class DecodedTooLarge(CodingError):
    """A body is larger than the limit once it is decoded."""


def codings_of(content_encoding: str) -> list[str]:
    """Return the codings in a Content-Encoding header, in the order in which they were applied.

    Names are lower-case, without `identity`. Raises `UnknownCoding`, also for more than 4 codings.
    """
    names = [part.strip().lower() for part in content_encoding.split(",")]
    codings = [name for name in names if name not in ("", "identity")]
    for name in codings:
        if name not in _DECODERS:
            raise UnknownCoding(f"the content coding {name[:40]!r} is not supported")
    if len(codings) > _MOST_CODINGS:
        raise UnknownCoding(f"more than {_MOST_CODINGS} content codings are not supported")
    return codings


def decode(content: bytes, content_encoding: str, largest: int) -> bytes:
    """Return a body without the codings of its Content-Encoding header; `largest` is in bytes.

    An empty body stays empty, as that of an answer to HEAD. Raises `UnknownCoding`,
    `DecodedTooLarge`, and `CodingError` for a body that is damaged or cut off.
    """
    for name in reversed(codings_of(content_encoding)):
        if content:
            content = _decode_one(content, name, largest)
    return content


def _decode_one(content: bytes, name: str, largest: int) -> bytes:
    try:
        found = _DECODERS[name](content, largest + 1)
    except (EOFError, OSError, zlib.error, brotli.error, zstd.ZstdError) as error:
        raise CodingError(f"the body is not valid {name}, or is cut off") from error
    if len(found) > largest:
        raise DecodedTooLarge(f"the body is larger than {largest} bytes once it is decoded")
    return found


def encode(content: bytes, coding: str) -> bytes:
    """Return a body in one coding: gzip, deflate, br or zstd; raises `UnknownCoding`."""
    encoder = _ENCODERS.get(coding.strip().lower())
    if encoder is None:
        raise UnknownCoding(f"the content coding {coding[:40]!r} is not supported")
    return encoder(content)


def _decode_streams(content: bytes, at_most: int, new: Callable[[], _Decompressor]) -> bytes:
    """Return the bytes of streams that follow one another, up to the limit on their number.

    Without it, a body of empty streams would keep a thread busy for many seconds.
    """
    found: list[bytes] = []
    room = at_most
    decompressor = new()
    streams = 1
    for start in range(0, len(content), _BLOCK):
        block = content[start : start + _BLOCK]
        while block and room > 0:
            if decompressor.eof:
                streams += 1
                if streams > _MOST_STREAMS:
                    raise OSError(f"it has more than {_MOST_STREAMS} streams")
                decompressor = new()
            piece = decompressor.decompress(block, room)
            room -= len(piece)
            found.append(piece)
            block = decompressor.unused_data
    if room > 0 and not decompressor.eof:
        raise EOFError("it ends too early")
    return b"".join(found)


def _decode_gzip(content: bytes, at_most: int) -> bytes:
    """Return the bytes of all members (RFC 1952, 2.2)."""
    return _decode_streams(content, at_most, lambda: zlib.decompressobj(16 + zlib.MAX_WBITS))


def _decode_deflate(content: bytes, at_most: int) -> bytes:
    """Return the bytes of a zlib stream, or of the bare deflate data that some servers send."""
    has_header = content[0] & 0x0F == 8 and int.from_bytes(content[:2], "big") % 31 == 0
    decompressor = zlib.decompressobj(zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS)
    found = decompressor.decompress(content, at_most)
    if len(found) < at_most and not decompressor.eof:
        raise EOFError("it ends too early")
    if decompressor.unused_data:
        raise OSError("something follows its end")
    return found


def _decode_brotli(content: bytes, at_most: int) -> bytes:
    decompressor = brotli.Decompressor()
    found: bytes = decompressor.process(content, output_buffer_limit=at_most)
    if len(found) < at_most and not decompressor.is_finished():
        raise EOFError("it ends too early")
    return found


def _decode_zstd(content: bytes, at_most: int) -> bytes:
    """Return the bytes of all frames (RFC 8878, 3)."""
    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW}
    return _decode_streams(content, at_most, lambda: zstd.ZstdDecompressor(options=options))


def _encode_gzip(content: bytes) -> bytes:
    return gzip.compress(content, compresslevel=6, mtime=0)


def _encode_brotli(content: bytes) -> bytes:
    # the best quality, which is the default, takes a hundred times as long
    compressed: bytes = brotli.compress(content, quality=5)
    return compressed


def _encode_zstd(content: bytes) -> bytes:
    return zstd.compress(content)


_DECODERS: dict[str, Callable[[bytes, int], bytes]] = {
    "gzip": _decode_gzip,
    "x-gzip": _decode_gzip,
    "deflate": _decode_deflate,
    "br": _decode_brotli,
    "zstd": _decode_zstd,
}
_ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": _encode_gzip,
    "x-gzip": _encode_gzip,
    "deflate": zlib.compress,
    "br": _encode_brotli,
    "zstd": _encode_zstd,
}
