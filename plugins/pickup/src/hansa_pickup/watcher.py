"""The watcher: a thread in one worker of each server that deploys what is copied into the folders."""

from __future__ import annotations

import fcntl
import logging
import threading
import time
from pathlib import Path
from typing import Any

from hansa import HansaError, Invalid, NotFound, Unavailable
from watchfiles import watch

from .folder import Busy, Content, Refused, candidates, check_folder, compiles, read

log = logging.getLogger("hansa.pickup")

STEP, DEBOUNCE = 10, 40  # milliseconds without another change, and in all, until changes are looked at
LOOK = 100  # milliseconds between looks at files that were not ready
TAKE_OVER = 0.5  # seconds between tries to become the one watcher of this server
SETTLE = (
    0.3  # seconds for which a file that does not compile must stay as it is before that counts as its author's fault
)
RETRY = 5.0  # seconds until a deployment is tried again that failed because something was down


class Watcher:
    """Watches the folders while it holds the lock `run/pickup.lock`, which the system takes from a worker that dies."""

    def __init__(self, server: Any) -> None:
        self.server = server
        settings = server.section("pickup")
        base = Path(server.dir)
        self.own = base / settings.directory
        self.folders = [self.own, *(base / folder for folder in settings.extra)]
        self.polling: bool = settings.polling
        self.lock_path = base / "run" / "pickup.lock"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pickup", daemon=True)
        self._done: dict[Path, tuple[str, float]] = {}
        self._told: dict[Path, str] = {}
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
        identity = self._identity()
        looked = time.monotonic()
        changes = watch(
            *there,
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
        started = False
        for found in changes:
            # the first look comes after watching has begun, so that no change falls in between
            if not started:
                started = True
                self.scan(there)
                log.info("watching %s", ", ".join(map(str, there)))
            now = time.monotonic()
            for path in {Path(changed) for _, changed in found}:
                if path.suffix == ".py" and not path.name.startswith(".") and path.parent in there:
                    self._waiting[path] = (0.0, "")
            for path in sorted(path for path, (due, _) in self._waiting.items() if due <= now):
                self._look(path)
            if now - looked > 1.0:
                looked = now
                if self._identity() != identity:
                    return

    def _identity(self) -> list[Any]:
        """Which folders there are and who may write to them: what makes watching begin anew when it changes."""
        found: list[Any] = []
        for folder in self.folders:
            try:
                state = folder.lstat()
                found.append((state.st_dev, state.st_ino, state.st_mode, state.st_uid))
            except OSError:
                found.append(None)
        return found

    def _trusted(self, folder: Path) -> bool:
        try:
            check_folder(folder)
        except Refused as refused:
            self._tell(folder, f"nothing is picked up from {folder}, which {refused}")
            return False
        self._told.pop(folder, None)
        return True

    def _tell(self, path: Path, text: str) -> None:
        """Log a refusal, once until it changes."""
        if self._told.get(path) != text:
            self._told[path] = text
            log.error("%s", text)

    def scan(self, folders: list[Path]) -> None:
        """Look at everything there is, and take up what changed while nobody watched.

        A content that was deployed before is not deployed again because another version is current now, as after a rollback,
        unless the file was changed after the newest deployment.
        """
        known: dict[str, list[dict[str, Any]]] = {}
        for package in self.server.packages():
            known.setdefault(package["file"], []).append(package)
        for folder in folders:
            for name in candidates(folder):
                path, versions = folder / name, known.get(name, [])
                try:
                    content = read(folder, name)
                except (Busy, Refused, OSError):
                    self._waiting[path] = (0.0, "")
                    continue
                current = any(version["current"] and version["sha256"] == content.digest for version in versions)
                before = any(version["sha256"] == content.digest for version in versions)
                newest = max((version["deployed_at"] for version in versions), default=0.0)
                if current or (before and content.modified <= newest):
                    self._done[path] = content.version
                else:
                    self._waiting[path] = (0.0, "")

    def _look(self, path: Path) -> None:
        """Deploy one file if it is whole and new; else leave it for later, or drop it."""
        seen = self._waiting.pop(path)[1]
        try:
            check_folder(path.parent)
            content = read(path.parent, path.name)
        except Busy:
            self._waiting[path] = (time.monotonic() + LOOK / 1000, seen)
            return
        except Refused as refused:
            self._done.pop(path, None)
            self._tell(path, f"{path.name} is not picked up: it {refused}")
            return
        except OSError:
            # it is gone, or was never more than a name: what was deployed from it stays
            self._done.pop(path, None)
            self._told.pop(path, None)
            return
        if self._done.get(path) == content.version:
            return
        if self._current(path.name) == content.text:
            self._done[path] = content.version
            return
        if content.digest != seen and not compiles(content.text, path.name):
            self._waiting[path] = (time.monotonic() + SETTLE, content.digest)
            return
        self._deploy(path, content)

    def _current(self, name: str) -> str | None:
        """The source that serves now: it may come from elsewhere than this folder, or be an older one brought back."""
        try:
            return str(self.server.source(name))
        except NotFound:
            return None

    def _deploy(self, path: Path, content: Content) -> None:
        self._done[path] = content.version
        told = self._told.pop(path, "")
        try:
            answer = self.server.deploy(path.name, content.text, by="pickup")
        except Invalid as invalid:
            log.error("%s is not deployed: %s", path.name, invalid.errors.get("source") or invalid.detail)
        except Unavailable as error:
            self._try_later(path, error.detail, told)
        except HansaError as error:
            log.error("%s is not deployed: %s", path.name, error.detail)
        except Exception as error:
            log.debug("deploying %s failed", path.name, exc_info=error)
            self._try_later(path, f"unexpected {type(error).__name__}: {error}", told)
        else:
            services = ", ".join(answer["services"])
            log.info("picked up %s: version %s with %s", path.name, answer["version"], services)

    def _try_later(self, path: Path, why: str, told: str) -> None:
        """What is down may come back: the file stays as it is, so nobody else would try."""
        self._told[path] = told
        self._tell(path, f"{path.name} is not deployed yet, trying again: {why}")
        digest, _ = self._done.pop(path)
        self._waiting[path] = (time.monotonic() + RETRY, digest)
