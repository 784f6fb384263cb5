"""The watcher: a thread in one worker of each server that deploys what is copied into the folders."""

from __future__ import annotations

import fcntl
import logging
import os
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from hansa import Server

from . import deployer
from .deployer import Deployer
from .early import PickupSection
from .folder import (
    Busy,
    Content,
    Unsuitable,
    candidates,
    check_folder,
    compiles,
    hidden,
    read,
    subfolders,
)

if TYPE_CHECKING:
    from watchfiles.main import FileChange

log = logging.getLogger("hansa.pickup")

STEP = 50
"""Milliseconds without another change until changes are looked at.

PERF: the library wakes as often while nothing changes: at 10 ms that was 0.4 % of a core, for ever.
"""
DEBOUNCE = 100
"""Milliseconds until changes are looked at in any case."""
LOOK = 100
"""Milliseconds between looks at files that were not ready."""
TAKE_OVER = 0.5
"""Seconds between attempts to become the one watcher of this server."""
RESCAN = 1.0
"""Seconds between looks at the folders themselves."""
FolderState = tuple[int, int, int, int] | None
"""Device, inode, mode and owner of a folder; None if it is not there."""


class Watcher:
    """Watches the folders while it holds the lock `run/pickup.lock`, which the system takes from a
    worker that dies.
    """

    def __init__(self, server: Server, settings: PickupSection) -> None:
        self.server = server
        base = server.dir
        self.own = base / settings.directory
        self.folders = [self.own, *(base / folder for folder in settings.extra)]
        self.polling: bool = settings.polling
        self.lock_path = base / "run" / "pickup.lock"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pickup", daemon=True)
        self._deployer = Deployer(server)
        self._waiting: dict[Path, tuple[float, str]] = {}

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """End, after a deployment that is under way."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        self.lock_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(self.lock_path, "w") as lock:
            while not self._stop.is_set():
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    self._stop.wait(TAKE_OVER)
                    continue
                try:
                    self._watch()
                except Exception:
                    log.exception("watching stopped, beginning anew")
                    self._stop.wait(1.0)

    def _watch(self) -> None:
        """Watch until stopped, or until a folder was exchanged for another."""
        if not self.own.is_symlink():
            self.own.mkdir(mode=0o700, parents=True, exist_ok=True)
        there = [folder for folder in self.folders if self._trusted(folder)]
        if not there:
            self._stop.wait(1.0)
            return
        from watchfiles import watch  # here, since a worker needs it only once it serves

        identity = self._identity()
        started = False
        while not self._stop.is_set() and self._identity() == identity:
            # the folders of packages are watched one by one: recursion would follow links out of
            # here
            below = _all_below(there)
            changes = watch(
                *there,
                *below,
                watch_filter=None,
                step=STEP,
                debounce=DEBOUNCE,
                stop_event=self._stop,
                rust_timeout=LOOK,
                yield_on_timeout=True,
                recursive=False,
                force_polling=self.polling or None,
                poll_delay_ms=LOOK,
                raise_interrupt=False,
            )
            # the first look comes after watching has begun, so that no change falls in between
            try:
                next(changes, None)
            except FileNotFoundError:
                self._stop.wait(LOOK / 1000)
                continue
            self.scan(there)
            if not started:
                started = True
                log.info("watching %s", ", ".join(map(str, there)))
            self._follow(changes, there, below, identity)

    def _follow(
        self,
        changes: Iterable[set[FileChange]],
        there: list[Path],
        below: list[Path],
        identity: list[FolderState],
    ) -> None:
        """Look at what changes, until other folders are to be watched."""
        looked = time.monotonic()
        for found in changes:
            now = time.monotonic()
            changed = {Path(path) for _, path in found}
            self._note(changed, there)
            self._look([path for path, (due, _) in self._waiting.items() if due <= now])
            if now - looked > RESCAN:
                looked = now
                if self._identity() != identity:
                    return
            if _concerns_folders(changed, {*there, *below}) and below != _all_below(there):
                return

    def _note(self, changed: set[Path], there: list[Path]) -> None:
        """Have what changed in the folders looked at: the file, or the package that it is in."""
        for top in there:
            for path in changed:
                if not path.is_relative_to(top):
                    continue
                parts = path.relative_to(top).parts
                if parts and not any(map(hidden, parts)) and _may_be_deployed(top / parts[0]):
                    self._waiting[top / parts[0]] = (0.0, "")

    def _identity(self) -> list[FolderState]:
        """Return which folders there are and who may write to them: when that changes, watching
        begins anew.
        """
        found: list[FolderState] = []
        for folder in self.folders:
            try:
                state = folder.lstat()
                found.append((state.st_dev, state.st_ino, state.st_mode, state.st_uid))
            except OSError:
                found.append(None)
        return found

    def _trusted(self, folder: Path) -> bool:
        """Whether nobody else may write to a folder; a refusal is logged."""
        try:
            check_folder(folder)
        except Unsuitable as unsuitable:
            self._deployer.report(folder, f"nothing is picked up from {folder}, which {unsuitable}")
            return False
        self._deployer.forget(folder)
        return True

    def scan(self, folders: list[Path]) -> None:
        """Look at everything there is, and deploy what changed while nobody watched.

        A content that was deployed before is not deployed again because another version is current
        now, as after a rollback, unless the file was changed after the newest deployment.
        """
        known = self.server.packages.versions()
        for folder in folders:
            for name in candidates(folder):
                path = folder / name
                if path in self._waiting:
                    continue
                try:
                    content = read(folder, name)
                except (Busy, Unsuitable, OSError):
                    self._waiting[path] = (0.0, "")
                    continue
                if self._deployer.serves(content) or self._deployer.was_there(content, known):
                    self._deployer.done[path] = content.version
                else:
                    self._waiting[path] = (0.0, "")

    def _look(self, paths: list[Path]) -> None:
        """Deploy what is whole and new, together; leave the rest for later, or drop it."""
        found: dict[Path, Content] = {}
        for path in sorted(paths):
            content = self._ready(path)
            if content is not None:
                found[path] = content
        if not found:
            return
        for path, seconds in self._deployer.deploy(found).items():
            digest = found[path].digest if path in found else ""
            self._waiting[path] = (time.monotonic() + seconds, digest)

    def _ready(self, path: Path) -> Content | None:
        """Return what is there, if it is whole and new."""
        _, seen = self._waiting.pop(path)
        try:
            check_folder(path.parent)
            content = read(path.parent, path.name)
        except Busy:
            self._waiting[path] = (time.monotonic() + LOOK / 1000, seen)
            return None
        except Unsuitable as unsuitable:
            if not path.name.endswith(".py") and seen != str(unsuitable):
                # a folder or an archive that is being copied is no package yet
                self._waiting[path] = (time.monotonic() + deployer.SETTLE, str(unsuitable))
                return None
            self._deployer.forget(path, reported=False)
            self._deployer.report(path, f"{path.name} is not picked up: it {unsuitable}")
            return None
        except OSError:
            # it is gone, or was never more than a name: what was deployed from it stays
            self._deployer.forget(path)
            return None
        if self._deployer.waits(path, content):
            return content
        if self._deployer.done.get(path) == content.version:
            return None
        if self._deployer.serves(content):
            self._deployer.done[path] = content.version
            return None
        if content.digest != seen and not _is_whole(path, content):
            self._waiting[path] = (time.monotonic() + deployer.SETTLE, content.digest)
            return None
        return content


def _all_below(folders: list[Path]) -> list[Path]:
    """Return the folders below these that are watched, too."""
    return [below for folder in folders for below in subfolders(folder)]


def _concerns_folders(changed: set[Path], watched: set[Path]) -> bool:
    """Whether a change may be one of the folders that are to be watched."""
    return any(path in watched or (path.is_dir() and not hidden(path.name)) for path in changed)


def _is_whole(path: Path, content: Content) -> bool:
    """Whether a content is complete by its looks; a package may still be being copied."""
    return path.suffix in (".py", ".zip") and compiles(content.files)


def _may_be_deployed(path: Path) -> bool:
    """Whether something directly in a folder is a source, an archive or a package."""
    if path.suffix in (".py", ".zip"):
        return True
    try:
        return any(name.endswith(".py") for name in os.listdir(path))
    except OSError:
        return False
