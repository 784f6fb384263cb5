"""`StringIO` and `cStringIO`: buffers of text or of bytes, whichever is written first."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator

from ..payloads import Value

__all__ = ["InputType", "OutputType", "StringIO"]


class StringIO:
    """A buffer that holds what it is given first, text or bytes; everything else is that of `io`."""

    def __init__(self, initial: str | bytes = "") -> None:
        self._buffer: Value = None
        if initial:
            self.write(initial)
            self.seek(0)

    def write(self, content: str | bytes) -> int:
        """Write text or bytes; returns how much."""
        if self._buffer is None:
            self._buffer = _buffer_of(content)()
        written: int = self._buffer.write(content)
        return written

    def writelines(self, lines: Iterable[str | bytes]) -> None:
        """Write one after the other."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Value:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(io.StringIO() if self._buffer is None else self._buffer, name)

    def __iter__(self) -> Iterator[Value]:
        return iter(self._buffer or ())

    def __enter__(self) -> StringIO:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


InputType = OutputType = StringIO


def _buffer_of(content: str | bytes) -> type[io.StringIO | io.BytesIO]:
    return io.StringIO if isinstance(content, str) else io.BytesIO
