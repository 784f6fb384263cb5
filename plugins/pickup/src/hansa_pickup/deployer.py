"""From contents to deployments: what was copied together is one change, what lacks another waits for it, all is told once."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from hansa import (
    DeployedPackage,
    HansaError,
    Invalid,
    MissingModule,
    PackageVersion,
    Server,
    Unavailable,
)

from .folder import Content

log = logging.getLogger("hansa.pickup")

SETTLE = 0.3  # seconds for which what is not ready must stay as it is before that counts as its author's fault
RETRY = 5.0  # seconds until a deployment is tried again that failed because something was down


class Later(Exception):
    """A deployment that failed because something was down; its text says what."""


class Failed(Exception):
    """A deployment that was refused: the text, and whether another file could be what is missing."""

    def __init__(self, text: str, lacking: bool) -> None:
        super().__init__(text)
        self.lacking = lacking


class Deployer:
    """Deploys contents by the paths they came from, and remembers what was done with each."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.done: dict[Path, tuple[str, float]] = {}
        self._told: dict[Path, str] = {}
        self._held: dict[Path, Content] = {}

    def tell(self, path: Path, text: str) -> None:
        """Log a refusal, once until it changes."""
        if self._told.get(path) != text:
            self._told[path] = text
            log.error("%s", text)

    def forget(self, path: Path, *, told: bool = True) -> None:
        """Know nothing of a path any more; with `told`, what was refused may be told again."""
        self.done.pop(path, None)
        self._held.pop(path, None)
        if told:
            self._told.pop(path, None)

    def serves(self, content: Content) -> bool:
        """Whether just this serves now: it may come from elsewhere than this folder."""
        found = (
            (self.server.packages.get(package), files)
            for package, files in content.packages.items()
        )
        return all(serving is not None and serving.files == files for serving, files in found)

    def was_there(self, content: Content, known: list[PackageVersion]) -> bool:
        """Whether this is among the versions that are known, and was not changed after the newest of them was deployed."""
        for package, files in content.packages.items():
            versions = [each for each in known if each.file == package]
            newest = max((each.at for each in versions), default=0.0)
            if content.modified > newest or not any(each.files == files for each in versions):
                return False
        return True

    def waits(self, path: Path, content: Content) -> bool:
        """Whether this was refused for lack of something that may have come since."""
        return path in self._held and self.done.get(path) == content.version

    def deploy(self, ready: Mapping[Path, Content]) -> dict[Path, float]:
        """Deploy all of it as one change, or else what of it can be deployed.

        Gives what is to be tried again, and after how many seconds. What lacks something is also tried with whatever comes next.
        """
        for path, content in ready.items():
            if self.done.get(path) != content.version:
                self.forget(path)
            self.done[path] = content.version
        left, again = {**self._held, **ready}, dict[Path, float]()
        failed: dict[Path, Failed] = {}
        groups = [left] if len(left) > 1 else []
        while left:
            before = len(left)
            for group in [*groups, *({path: content} for path, content in left.items())]:
                if not group.keys() <= left.keys():
                    continue
                try:
                    self._attempt(group)
                except Later as later:
                    for path, content in group.items():
                        self.tell(path, f"{path.name} is not deployed yet, trying again: {later}")
                        self._held[path], again[path] = content, RETRY
                except Failed as failure:
                    failed |= dict.fromkeys(group, failure)
                    if len(group) > 1 or failure.lacking:
                        continue
                    for path in group:
                        self.tell(path, f"{path.name} is not deployed: {failure}")
                        self._held.pop(path, None)
                left = {path: content for path, content in left.items() if path not in group}
            groups = []
            if len(left) == before:
                break
        for path, content in left.items():
            if path in self._held:
                self.tell(path, f"{path.name} is not deployed: {failed[path]}")
            else:
                self._held[path] = content
                again[path] = SETTLE
        return again

    def _attempt(self, group: Mapping[Path, Content]) -> None:
        """Deploy contents as one change and log it; raises `Later` and `Failed`."""
        files = {path: text for content in group.values() for path, text in content.files.items()}
        if len(files) < sum(len(content.files) for content in group.values()):
            raise Failed("the same file comes from two places", lacking=False)
        try:
            deployment = self.server.packages.deploy(files, by="pickup")
        except Invalid as invalid:
            text = (
                invalid.errors.get("source") or "; ".join(invalid.errors.values()) or invalid.detail
            )
            raise Failed(text, lacking=isinstance(invalid, MissingModule)) from None
        except Unavailable as error:
            raise Later(error.detail) from None
        except HansaError as error:
            raise Failed(error.detail, lacking=False) from None
        except Exception as error:
            log.debug("deploying %s failed", ", ".join(files), exc_info=error)
            raise Later(f"unexpected {type(error).__name__}: {error}") from None
        for path, content in group.items():
            self._told.pop(path, None)
            self._held.pop(path, None)
            log.info("picked up %s: %s", path.name, _described(content, deployment.packages))


def _described(content: Content, packages: list[DeployedPackage]) -> str:
    """What was deployed: versions, services, and what was left out."""
    ours = [package for package in packages if package.file in content.packages]
    parts = []
    for package in ours:
        part = f"version {package.version}"
        if len(ours) > 1:
            part = f"{package.file} {part}"
        if package.services:
            part += f" with {', '.join(package.services)}"
        parts.append(part)
    left_out = (
        f"; left out, as only Python is deployed: {', '.join(content.left_out)}"
        if content.left_out
        else ""
    )
    return ", ".join(parts) + left_out
