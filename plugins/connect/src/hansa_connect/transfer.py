"""Steps over a `FileSystem` that the client and the folder channel share: copy, fetch, look, make folders."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hansa import Forbidden, HansaError, NotFound, TooLarge

from .files import BLOCK, FileSystem, Stream


@contextmanager
def writing(stream: Stream) -> Iterator[Stream]:
    """Finish a transfer at the end of the block, or give it up if the block raises."""
    try:
        yield stream
    except BaseException:
        stream.abort()
        raise
    stream.close()


@contextmanager
def reading(stream: Stream) -> Iterator[Stream]:
    """Finish a transfer at the end of the block; give it up if the block raises, or has not read all of it."""
    try:
        yield stream
        more = stream.read(1)
    except BaseException:
        stream.abort()
        raise
    (stream.abort if more else stream.close)()


def copy(source: Any, sink: Any, most: int | None = None) -> int:
    """Copy what is left, block by block, and stop after the block that goes over `most`; gives the bytes copied."""
    copied = 0
    if getattr(sink, "takes_views", False) and hasattr(source, "readinto") and most is None:
        # PERF: threads give blocks of this size back to the system, which has to clear each anew
        view = memoryview(bytearray(BLOCK))
        while size := source.readinto(view):
            sink.write(view[:size])
            copied += size
        return copied
    while (most is None or copied <= most) and (data := source.read(BLOCK)):
        sink.write(data)
        copied += len(data)
    return copied


def read_all(stream: Stream, most: int, what: str) -> bytes:
    """All that is left, in memory; raises `TooLarge` over `most` bytes."""
    content = io.BytesIO()
    if copy(stream, content, most) > most:
        raise TooLarge(f"{what} has over {most} bytes, which is as much as is taken into memory")
    return content.getvalue()


def fetch(files: FileSystem, path: str, local: Path, size: int, have: int = 0) -> int:
    """Copy a file of `size` bytes, of which `have` are here already, to a local path; gives the size that came of it."""
    if have < size or not have:
        with (
            open(local, "ab" if have else "wb") as file,
            reading(files.reader(path, have)) as stream,
        ):
            copy(stream, file, size - have)
    return local.stat().st_size


def exists(files: FileSystem, path: str) -> bool:
    """Whether there is anything at a path."""
    try:
        files.stat(path)
    except NotFound:
        return False
    return True


def replace(files: FileSystem, old: str, new: str) -> None:
    """Rename over what may have the new name; where the server does not do that, it is deleted first."""
    try:
        files.rename(old, new)
    except Forbidden:
        if not exists(files, new):
            raise
        files.delete(new)
        files.rename(old, new)


def make_folders(files: FileSystem, path: str) -> None:
    """Make a folder and those above it, unless they are there."""
    if path in ("", ".", "/") or exists(files, path):
        return
    make_folders(files, path.rpartition("/")[0])
    try:
        files.make_folder(path)
    except HansaError:
        if not exists(files, path):  # else somebody else was quicker
            raise


def beside(path: str, mark: str) -> str:
    """The name, beside the final one, of a file that is being written; file names have at most 255 bytes."""
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}.{name.encode()[:200].decode(errors='ignore')}.{mark}.part"
