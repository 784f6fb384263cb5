"""`hansa backup create`: everything of a cluster as it is at one moment, while it serves."""

from __future__ import annotations

import datetime
import json
import platform
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from importlib.metadata import distributions, version
from pathlib import Path
from typing import IO

from hansa import HansaError, Invalid, KeyFile, OdbSnapshot, early_hooks, read_odb
from hansa_quickstart.failure import INVALID, NO_ODB, Failure
from hansa_quickstart.place import Place, home_of

from .archive import ODB, REDIS, ArchiveWriter, new_archive
from .folder_files import FolderFiles
from .manifest import Manifest
from .redis_data import ClusterKeys, lines_of

Say = Callable[[str], None]


class Making:
    """One backup of a place."""

    def __init__(self, place: Place, longest_pause: float, say: Say) -> None:
        self._place = place
        self._longest_pause = longest_pause
        self._say = say
        self._made = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        self._keys = 0
        self._pause = 0.0
        self._rows: dict[str, int] = {}
        self._key_check = ""

    def make(self, path: Path, passphrase: str) -> Manifest:
        """Write the backup into a file, and return its manifest; raises `Failure`."""
        with new_archive(path, passphrase) as archive, ExitStack() as stack:
            spooled = [
                stack.enter_context(tempfile.TemporaryFile(dir=path.parent)) for _ in range(2)
            ]
            try:
                snapshot = self._copy(stack, spooled[0])
                self._copy_odb(snapshot, spooled[1])
            except Invalid as invalid:
                raise Failure("; ".join(invalid.errors.values()), NO_ODB) from None
            except HansaError as error:
                raise Failure(f"ODB: {error}", NO_ODB) from None
            warnings = self._copy_files(archive)
            archive.add_spooled(ODB, spooled[1])
            archive.add_spooled(REDIS, spooled[0])
            manifest = self._manifest(snapshot, warnings, archive)
            archive.add_manifest(manifest)
        self._say(f"[4/4] {path} written ({path.stat().st_size} bytes)")
        return manifest

    def _copy(self, stack: ExitStack, spool: IO[bytes]) -> OdbSnapshot:
        """Copy the keys of Redis while writes wait, and begin to read the ODB in the same moment."""
        place = self._place
        if not place.has_redis:
            self._say("[1/4] No Redis")
            return stack.enter_context(read_odb(place.odb_url))
        # before anybody waits: drivers are imported, and an ODB that cannot be read is known
        with read_odb(place.odb_url):
            pass
        address = stack.enter_context(place.redis())
        keys = ClusterKeys(address, place.cluster, transient_families())
        stack.callback(keys.close)
        with keys.paused(self._longest_pause) as pause:
            snapshot = stack.enter_context(read_odb(place.odb_url))
            for line in lines_of(keys.read()):
                spool.write(line)
                self._keys += 1
        self._pause = round(pause.seconds, 4)
        self._say(f"[1/4] Redis: {self._keys} keys, while writes waited {self._pause:.3f} s")
        return snapshot

    def _copy_odb(self, snapshot: OdbSnapshot, spool: IO[bytes]) -> None:
        for name, row in snapshot.rows():
            self._rows[name] = self._rows.get(name, 0) + 1
            if name == "cluster":
                self._key_check = str(row.get("key_check") or "")
            spool.write(json.dumps([name, row]).encode() + b"\n")
        self._say(f"[2/4] ODB: revision {snapshot.revision}, {sum(self._rows.values())} rows")

    def _copy_files(self, archive: ArchiveWriter) -> list[str]:
        files = FolderFiles(self._place)
        count = 0
        for info, content in files.members():
            archive.add(info, content)
            count += content is not None
        self._say(f"[3/4] {count} files")
        return files.warnings + self._key_warnings()

    def _key_warnings(self) -> list[str]:
        """Return a warning if no file has the key; raises `Failure` for the key of another moment."""
        if len(self._key_check) != 64:  # no server has started yet
            return []
        for server in self._place.servers:
            try:
                held = KeyFile(home_of(server) / "secret.key").read()
            except Invalid:
                continue
            if self._key_check not in map(KeyFile.fingerprint_of, held):
                message = "the key of the cluster was replaced meanwhile: make the backup again"
                raise Failure(message, INVALID)
            return []
        return ["the secret key is in none of the files: keep it, or secrets cannot be read"]

    def _manifest(
        self, snapshot: OdbSnapshot, warnings: list[str], archive: ArchiveWriter
    ) -> Manifest:
        found = {one.metadata["Name"]: one.version for one in distributions()}
        plugins = {name: found[name] for name in sorted(found) if name.startswith("hansa-")}
        return Manifest(
            made=self._made,
            cluster=self._place.cluster,
            folder=str(self._place.folder),
            hansa=version("hansa"),
            python=platform.python_version(),
            plugins=plugins,
            odb=self._place.odb_url.partition(":")[0].partition("+")[0],
            schema=snapshot.version,
            revision=snapshot.revision,
            rows=self._rows,
            keys=self._keys,
            pause=self._pause,
            warnings=warnings,
            members=archive.members,
        )


def transient_families() -> set[str]:
    """Return the families of Redis keys that plugins declare as not to be kept."""
    return {name for names in early_hooks().hansa_transient_keys() for name in names}
