"""Steps over a `FileSystem` that services and channels share."""

from __future__ import annotations

import io
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from hansa import Forbidden, HansaError, NotFound, ResultTooLarge

from .files import BLOCK, FileSystem, Stream

LONGEST_NAME = 200
"""Bytes of a file's name that the name of its unfinished copy keeps; file systems allow 255."""


class Source(Protocol):
    """What can be read from."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, nothing at the end."""


class Sink(Protocol):
    """What can be written to."""

    def write(self, data: bytes, /) -> object:
        """Take all of it."""


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
    """Finish a transfer at the end of the block.

    Give it up if the block raises, or has not read all of it.
    """
    try:
        yield stream
        more = stream.read(1)
    except BaseException:
        stream.abort()
        raise
    if more:
        stream.abort()
    else:
        stream.close()


def copy(source: Source, sink: Sink, most: int | None = None) -> int:
    """Copy what is left, and stop after the block that goes over `most` bytes.

    Returns the bytes copied.
    """
    if isinstance(source, io.BufferedIOBase) and isinstance(sink, Stream) and sink.takes_views:
        return _copy_through_buffer(source, sink)
    copied = 0
    while most is None or copied <= most:
        data = source.read(BLOCK)
        if not data:
            break
        sink.write(data)
        copied += len(data)
    return copied


def _copy_through_buffer(source: io.BufferedIOBase, sink: Stream) -> int:
    """Copy through one buffer: a new block for each read would be cleared by the system first."""
    copied = 0
    view = memoryview(bytearray(BLOCK))
    while size := source.readinto(view):
        sink.write(view[:size])
        copied += size
    return copied


def read_all(stream: Source, most: int, what: str) -> bytes:
    """Return all that is left; raises `ResultTooLarge` over `most` bytes."""
    content = io.BytesIO()
    if copy(stream, content, most) > most:
        fault = f"{what} has over {most} bytes, which is as much as is taken into memory"
        raise ResultTooLarge(fault)
    return content.getvalue()


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Open a local file to write, which appears whole at the end of the block.

    If the block raises, nothing appears, and what was there stays.
    """
    part = Path(beside(str(path), secrets.token_hex(4)))
    try:
        with open(part, "wb") as file:
            yield file
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def fetch(files: FileSystem, path: str, local: Path, size: int, have: int = 0) -> int:
    """Copy a file of `size` bytes, of which `have` are here already, to a local path.

    Returns the size it has then.
    """
    if have < size or not have:
        mode = "ab" if have else "wb"
        with open(local, mode) as file, reading(files.reader(path, have, size)) as stream:
            copy(stream, file, size - have)
    return local.stat().st_size


def fetch_content(files: FileSystem, path: str, size: int) -> bytes:
    """Return the content of a file of `size` bytes; of one that has more by now, a block more."""
    content = io.BytesIO()
    with reading(files.reader(path, 0, size)) as stream:
        copy(stream, content, size)
    return content.getvalue()


def exists(files: FileSystem, path: str) -> bool:
    """Return whether there is anything at a path."""
    try:
        files.stat(path)
    except NotFound:
        return False
    return True


def replace(files: FileSystem, old: str, new: str) -> None:
    """Rename over what may have the new name.

    Where the server refuses that, it is deleted first.
    """
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
    """Return the name of a file while it is being written, in its folder: `.NAME.MARK.part`."""
    folder, slash, name = path.rpartition("/")
    short = name.encode()[:LONGEST_NAME].decode(errors="ignore")
    return f"{folder}{slash}.{short}.{mark}.part"
