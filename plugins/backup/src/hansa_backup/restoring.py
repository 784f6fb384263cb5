"""`hansa restore`: a backup becomes a cluster again, in an empty folder, ODB and Redis."""

from __future__ import annotations

import json
import os
import re
import shutil
import tarfile
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import tomlkit
from hansa import HansaError, Invalid, OdbRow, empty_odb, replace_file, write_odb
from hansa_quickstart.failure import INVALID, NO_ODB, NOT_EMPTY, Failure
from hansa_quickstart.place import Place, engine_of, open_place

from .archive import FILES, ODB, REDIS, check_archive, open_archive
from .manifest import Manifest
from .redis_data import ClusterKeys, keys_of

Say = Callable[[str], None]
CLAIM: Final = ".hansa-restore"
"""The file by which a restoration has a folder for itself."""


@dataclass(frozen=True)
class Elsewhere:
    """Where ODB and Redis are from now on; empty: where they were, or in the folder."""

    odb_url: str = ""
    redis_address: str = ""


class Restoring:
    """One restoration into a folder."""

    def __init__(self, folder: Path, elsewhere: Elsewhere, say: Say) -> None:
        self._folder = folder
        self._elsewhere = elsewhere
        self._say = say

    def restore(self, path: Path, passphrase: str) -> Manifest:
        """Restore a backup, all of it or nothing; returns its manifest. Raises `Failure`."""
        existed = self._folder.exists()
        self._refuse_any()
        manifest = check_archive(path, passphrase)
        self._say(f"[1/4] {path} is whole: {manifest.cluster}, made {manifest.made}")
        self._claim()
        try:
            with ExitStack() as undo:
                self._restore(path, passphrase, manifest, undo)
                (self._folder / CLAIM).unlink()
                undo.pop_all()
        except BaseException:
            _clear(self._folder)
            if not existed:
                self._folder.rmdir()
            raise
        return manifest

    def _refuse_any(self, claimed: Collection[str] = ()) -> None:
        """Raise `Failure` if the folder holds anything but what is claimed."""
        folder = self._folder
        if not folder.exists():
            return
        if not folder.is_dir() or {one.name for one in folder.iterdir()} - {*claimed}:
            message = f"{folder} is not an empty folder"
            if (folder / CLAIM).exists():
                message += ": a restoration into it goes on, or was interrupted; then remove it"
            raise Failure(message, NOT_EMPTY)

    def _claim(self) -> None:
        """Have the folder for this restoration alone; raises `Failure` if another one has it."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self._folder / CLAIM, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            self._refuse_any()
            raise Failure(f"{self._folder} is in use", NOT_EMPTY) from None
        except OSError as error:
            message = f"{self._folder} cannot be written: {error.strerror}"
            raise Failure(message, NOT_EMPTY) from None
        try:
            self._refuse_any([CLAIM])
        except Failure:
            (self._folder / CLAIM).unlink()
            raise
        self._folder.chmod(0o700)

    def _restore(self, path: Path, passphrase: str, manifest: Manifest, undo: ExitStack) -> None:
        place: Place | None = None
        with open_archive(path, passphrase) as archive:
            for info in archive:
                if info.name.startswith(FILES):
                    self._extract(archive, info)
                    continue
                content = archive.extractfile(info)
                if content is None:
                    raise Failure(f"{path}: {info.name!r} does not belong there", INVALID)
                if place is None:
                    place = self._placed(manifest)
                if info.name == ODB:
                    self._refuse_redis(place)
                    self._restore_odb(place, manifest, content, undo)
                elif info.name == REDIS:
                    self._restore_redis(place, content)

    def _extract(self, archive: tarfile.TarFile, info: tarfile.TarInfo) -> None:
        # a folder or link needs what the manifest cannot vouch for: the filter refuses what leads out
        info.name = info.name.removeprefix(FILES)
        above = [self._folder / one for one in Path(info.name).parents]
        if info.islnk() or any(one.is_symlink() for one in above):
            raise Failure(f"{info.name} leads through a link", INVALID)
        try:
            archive.extract(info, self._folder, filter="data")
        except (tarfile.AbsoluteLinkError, tarfile.LinkOutsideDestinationError):
            self._say(f"Warning: {info.name} leads to {info.linkname} and is left out")
        except OSError as error:
            where = self._folder / info.name
            raise Failure(f"{where} cannot be written: {error.strerror}", NOT_EMPTY) from None

    def _placed(self, manifest: Manifest) -> Place:
        """Have the configuration name the new places; returns the place."""
        for config in sorted(self._folder.rglob("config.toml")):
            text = moved(config.read_text(), manifest.folder, str(self._folder))
            replace_file(config, text, mode=config.stat().st_mode & 0o777)
        place = open_place(self._folder)
        for server in place.servers:
            self._redirect(server.config)
        place.publish_redis()
        self._say(f"[2/4] {len(manifest.members) - 2} files, in {self._folder}")
        return place

    def _redirect(self, config: Path) -> None:
        """Name another ODB or Redis in the configuration of a server."""
        document = tomlkit.parse(config.read_text())
        for section, name, value in (
            ("odb", "url", self._elsewhere.odb_url),
            ("redis", "address", self._elsewhere.redis_address),
        ):
            if value:
                document.setdefault(section, tomlkit.table())[name] = value
        replace_file(config, tomlkit.dumps(document))

    def _restore_odb(
        self, place: Place, manifest: Manifest, content: IO[bytes], undo: ExitStack
    ) -> None:
        file = place.odb_file
        if file is not None:
            if file.exists():
                raise Failure(f"{file} exists already", NOT_EMPTY)
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            undo.callback(_remove_sqlite, file)
        try:
            counts = write_odb(place.odb_url, manifest.schema, _rows(content))
        except Invalid as invalid:
            raise Failure("; ".join(invalid.errors.values()), NOT_EMPTY) from None
        except HansaError as error:
            raise Failure(f"ODB: {error}", NO_ODB) from None
        if file is None:
            undo.callback(empty_odb, place.odb_url)
        if counts != manifest.rows:
            raise Failure(f"the ODB holds {counts}, the manifest says {manifest.rows}", INVALID)
        self._say(f"[3/4] ODB: revision {manifest.revision}, {sum(counts.values())} rows")

    def _refuse_redis(self, place: Place) -> None:
        """Raise `Failure` for a Redis with keys, before the ODB is filled."""
        if place.has_redis and engine_of(place) is None:
            with place.redis() as address:
                keys = ClusterKeys(address, place.cluster)
                try:
                    keys.refuse_any()
                finally:
                    keys.close()

    def _restore_redis(self, place: Place, content: IO[bytes]) -> None:
        if not place.has_redis:
            self._say("[4/4] No Redis")
            return
        with place.redis() as address:
            keys = ClusterKeys(address, place.cluster)
            try:
                keys.refuse_any()
                count = keys.write(keys_of(content))
            finally:
                keys.close()
        self._say(f"[4/4] Redis: {count} keys")


def moved(text: str, old: str, new: str) -> str:
    """Return a configuration with the paths below one folder as paths below another."""
    return re.sub(rf"(?<![\w.-]){re.escape(old)}(?=[/\"'])", lambda found: new, text)


def _rows(content: IO[bytes]) -> Iterator[OdbRow]:
    for line in content:
        try:
            name, row = json.loads(line)
        except (ValueError, TypeError, RecursionError):
            raise Failure("the rows of the backup cannot be read", INVALID) from None
        yield name, row


def _remove_sqlite(file: Path) -> None:
    for ending in ("", "-wal", "-shm", "-journal"):
        file.with_name(file.name + ending).unlink(missing_ok=True)


def _clear(folder: Path) -> None:
    for inner in folder.iterdir():
        if inner.is_dir() and not inner.is_symlink():
            shutil.rmtree(inner)
        else:
            inner.unlink()
