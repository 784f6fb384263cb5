"""The file of a backup: a compressed tar of the files, the ODB and the Redis data, and as its last
member the manifest.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import secrets
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, Final, cast

from hansa_quickstart.failure import INVALID, NOT_EMPTY, Failure

from .encryption import EncryptedWriter, decrypting, is_encrypted
from .manifest import Manifest, Member

MANIFEST: Final = "manifest.json"
ODB: Final = "odb.jsonl"
REDIS: Final = "redis.jsonl"
FILES: Final = "files/"
"""How the names of members begin that are files of the folder."""
LONGEST_MANIFEST: Final = 2**26
"""Bytes of the longest manifest that is read: some 400,000 members."""
_AT_ONCE: Final = 2**20
_LEVEL: Final = 6


class ArchiveWriter:
    """Writes the members, and notes their checksums."""

    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive
        self.members: dict[str, Member] = {}

    def add(self, info: tarfile.TarInfo, content: IO[bytes] | None = None) -> None:
        """Add one member; `content` is that of a file, whose size `info` has."""
        if content is None:
            self._archive.addfile(info)
            return
        read = _Hashed(content)
        self._archive.addfile(info, cast(IO[bytes], read))
        self.members[info.name] = Member(sha256=read.digest, size=info.size)

    def add_spooled(self, name: str, content: IO[bytes]) -> None:
        """Add what was written into a temporary file."""
        info = tarfile.TarInfo(name)
        info.size = content.seek(0, os.SEEK_END)
        info.mode = 0o600
        content.seek(0)
        self.add(info, content)

    def add_manifest(self, manifest: Manifest) -> None:
        """Add the manifest, which comes last."""
        text = manifest.text.encode()
        info = tarfile.TarInfo(MANIFEST)
        info.size = len(text)
        info.mode = 0o600
        self._archive.addfile(info, io.BytesIO(text))


class _Hashed:
    """A file whose digest is known once it was read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._hash.update(data)
        return data

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()


@contextmanager
def new_archive(path: Path, passphrase: str) -> Iterator[ArchiveWriter]:
    """Write a backup; the file has its name, and mode 0600, once it is whole and on disk.

    Encrypted if there is a passphrase. Raises `Failure` if the file exists or cannot be written.
    """
    if path.exists():
        raise Failure(f"{path} exists already", NOT_EMPTY)
    fresh = path.with_name(f".{path.name[:200]}.{secrets.token_hex(6)}")
    try:
        descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as file:
            with (
                _encrypted(file, passphrase) as target,
                gzip.GzipFile("", "wb", compresslevel=_LEVEL, fileobj=target) as packed,
                tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as archive,
            ):
                yield ArchiveWriter(archive)
            file.flush()
            os.fsync(file.fileno())
        # unlike a rename, this replaces nothing
        os.link(fresh, path)
    except OSError as error:
        raise Failure(f"{path} cannot be written: {error.strerror or error}") from None
    finally:
        fresh.unlink(missing_ok=True)


@contextmanager
def _encrypted(file: BinaryIO, passphrase: str) -> Iterator[BinaryIO]:
    if not passphrase:
        yield file
        return
    writer = EncryptedWriter(file, passphrase)
    yield cast(BinaryIO, writer)
    writer.close()


@contextmanager
def open_archive(path: Path, passphrase: str) -> Iterator[tarfile.TarFile]:
    """Read a backup, member by member, in the order in which they were written.

    Raises `Failure` for a file that is none, or was damaged.
    """
    try:
        with open(path, "rb") as file:
            source: BinaryIO = file
            if is_encrypted(file):
                if not passphrase:
                    raise Failure(f"{path} is encrypted: a passphrase is needed", INVALID)
                source = decrypting(file, passphrase)
            with tarfile.open(fileobj=source, mode="r|gz") as archive:
                yield archive
    except (tarfile.TarError, EOFError, zlib.error, OSError, UnicodeDecodeError) as error:
        raise Failure(f"{path} is not a whole backup: {error}", INVALID) from None


def check_archive(path: Path, passphrase: str) -> Manifest:
    """Read a backup from its beginning to its end, and return the manifest; raises `Failure` with
    all that is not as it says.
    """
    found: dict[str, Member] = {}
    odd: list[str] = []
    text = b""
    with open_archive(path, passphrase) as archive:
        for info in archive:
            if not _belongs(info) or info.name in found:
                odd.append(f"{info.name!r} does not belong there")
                continue
            content = archive.extractfile(info) if info.isreg() else None
            if content is None:
                continue
            if info.name == MANIFEST:
                text = content.read(LONGEST_MANIFEST + 1)
            else:
                found[info.name] = Member(sha256=_digest(content), size=info.size)
    if not text:
        raise Failure(f"{path} is not a whole backup: it has no {MANIFEST}", INVALID)
    if len(text) > LONGEST_MANIFEST:
        raise Failure(f"{path}: {MANIFEST} is too long", INVALID)
    manifest = Manifest.read(text)
    faults = sorted(
        f"{name}: {_fault(found.get(name))}"
        for name, expected in manifest.members.items()
        if found.get(name) != expected
    )
    faults += [f"{name}: missing" for name in (ODB, REDIS) if name not in manifest.members]
    faults += odd
    faults += sorted(
        f"{name}: the manifest does not name it" for name in found.keys() - manifest.members.keys()
    )
    if faults:
        raise Failure("\n".join([f"{path} is not as it was made:", *faults]), INVALID)
    return manifest


def _belongs(info: tarfile.TarInfo) -> bool:
    """Whether a member is one of those that a backup has: no device, no hard link, and nothing beside
    the parts that is no file of the folder.
    """
    if info.name in (MANIFEST, ODB, REDIS):
        return info.isreg()
    return info.name.startswith(FILES) and (info.isreg() or info.isdir() or info.issym())


def _fault(found: Member | None) -> str:
    return "missing" if found is None else "its content is another one"


def _digest(content: IO[bytes]) -> str:
    hashed = _Hashed(content)
    while hashed.read(_AT_ONCE):
        pass
    return hashed.digest
