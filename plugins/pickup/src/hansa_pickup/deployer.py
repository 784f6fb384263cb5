"""From contents to deployments: what was copied together is one change, what lacks another file
waits for it, and each refusal is logged once.
"""

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

SETTLE = 0.3
"""Seconds for which a content must stay as it is before an error in it is reported."""
RETRY = 5.0
"""Seconds until a deployment is tried again that failed because something was down."""
Contents = Mapping[Path, Content]
"""Contents by the paths they came from."""


class Postponed(Exception):
    """A deployment that failed because something was down; its text says what."""


class Rejected(Exception):
    """A deployment that was refused: the text, and whether another file could be what is missing."""

    def __init__(self, text: str, lacking: bool) -> None:
        super().__init__(text)
        self.lacking = lacking


class Deployer:
    """Deploys contents by the paths they came from, and remembers what was done with each."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.done: dict[Path, tuple[str, float]] = {}
        self._reported: dict[Path, str] = {}
        self._held: dict[Path, Content] = {}

    def report(self, path: Path, text: str) -> None:
        """Log a refusal, once until it changes."""
        if self._reported.get(path) != text:
            self._reported[path] = text
            log.error("%s", text)

    def forget(self, path: Path, *, reported: bool = True) -> None:
        """Forget a path; with `reported`, a refusal may be logged again."""
        self.done.pop(path, None)
        self._held.pop(path, None)
        if reported:
            self._reported.pop(path, None)

    def serves(self, content: Content) -> bool:
        """Whether exactly this serves now, wherever it was deployed from."""
        for package, files in content.packages.items():
            serving = self.server.packages.get(package)
            if serving is None or serving.files != files:
                return False
        return True

    def was_there(self, content: Content, known: list[PackageVersion]) -> bool:
        """Whether this is among the known versions, and was not changed after the newest of them
        was deployed.
        """
        for package, files in content.packages.items():
            versions = [each for each in known if each.file == package]
            newest = max((each.at for each in versions), default=0.0)
            if content.modified > newest or not any(each.files == files for each in versions):
                return False
        return True

    def waits(self, path: Path, content: Content) -> bool:
        """Whether this was refused for lack of something that may have come since."""
        return path in self._held and self.done.get(path) == content.version

    def deploy(self, ready: Contents) -> dict[Path, float]:
        """Deploy all of it as one change, or else what of it can be deployed.

        Returns what is to be tried again, and after how many seconds. What lacks something is also
        tried with whatever comes next.
        """
        for path, content in ready.items():
            if self.done.get(path) != content.version:
                self.forget(path)
            self.done[path] = content.version
        left = {**self._held, **ready}
        retries: dict[Path, float] = {}
        rejections: dict[Path, Rejected] = {}
        if len(left) > 1 and self._settle(left, retries, rejections):
            return retries
        progress = True
        while left and progress:
            progress = False
            for path, content in list(left.items()):
                if self._settle({path: content}, retries, rejections):
                    del left[path]
                    progress = True
        for path, content in left.items():
            if path in self._held:
                self.report(path, f"{path.name} is not deployed: {rejections[path]}")
            else:
                self._held[path] = content
                retries[path] = SETTLE
        return retries

    def _settle(
        self, group: Contents, retries: dict[Path, float], rejections: dict[Path, Rejected]
    ) -> bool:
        """Try to deploy contents as one change; returns whether nothing more is to be done about
        them in this round.
        """
        try:
            self._attempt(group)
        except Postponed as postponed:
            for path, content in group.items():
                self.report(path, f"{path.name} is not deployed yet, trying again: {postponed}")
                self._held[path] = content
                retries[path] = RETRY
        except Rejected as rejected:
            for path in group:
                rejections[path] = rejected
            if len(group) > 1 or rejected.lacking:
                return False
            for path in group:
                self.report(path, f"{path.name} is not deployed: {rejected}")
                self._held.pop(path, None)
        return True

    def _attempt(self, group: Contents) -> None:
        """Deploy contents as one change and log it; raises `Postponed` and `Rejected`."""
        files: dict[str, str] = {}
        for content in group.values():
            files.update(content.files)
        if len(files) < sum(len(content.files) for content in group.values()):
            raise Rejected("the same file comes from two places", lacking=False)
        try:
            deployment = self.server.packages.deploy(files, by="pickup")
        except Invalid as invalid:
            text = (
                invalid.errors.get("source") or "; ".join(invalid.errors.values()) or invalid.detail
            )
            raise Rejected(text, lacking=isinstance(invalid, MissingModule)) from None
        except Unavailable as error:
            raise Postponed(error.detail) from None
        except HansaError as error:
            raise Rejected(error.detail, lacking=False) from None
        except Exception as error:
            log.debug("deploying %s failed", ", ".join(files), exc_info=error)
            raise Postponed(f"unexpected {type(error).__name__}: {error}") from None
        for path, content in group.items():
            self._reported.pop(path, None)
            self._held.pop(path, None)
            log.info("picked up %s: %s", path.name, _described(content, deployment.packages))


def _described(content: Content, packages: list[DeployedPackage]) -> str:
    """Return what was deployed: versions, services, and what was left out."""
    ours = [package for package in packages if package.file in content.packages]
    parts = []
    for package in ours:
        part = f"version {package.version}"
        if len(ours) > 1:
            part = f"{package.file} {part}"
        if package.services:
            part += f" with {', '.join(package.services)}"
        parts.append(part)
    described = ", ".join(parts)
    if content.left_out:
        described += f"; left out, as only Python is deployed: {', '.join(content.left_out)}"
    return described
