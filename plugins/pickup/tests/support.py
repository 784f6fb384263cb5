"""A worker's facade that deploys into a list, as the pickup sees one, and waiting for what must happen."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

from hansa import Invalid, NotFound, load
from hansa_pickup.early import PickupSection

GOOD = "from hansa import Service\n\n\nclass Get(Service):\n    def handle(self):\n        return {number}\n"


class Facade:
    """Deploys what compiles, keeps versions as the store does, and notes each call with its time."""

    def __init__(self, directory: Path, **settings) -> None:
        self.dir = directory
        self.settings = load(PickupSection, settings)
        self.versions: list[dict] = []
        self.calls: list[tuple[str, str, float]] = []
        self.failures: list[Exception] = []

    def section(self, name):
        assert name == "pickup"
        return self.settings

    def packages(self):
        return [{key: value for key, value in version.items() if key != "source"} for version in self.versions]

    def source(self, file, version=None):
        for one in self.versions:
            if one["file"] == file and one["current"]:
                return one["source"]
        raise NotFound(file)

    def set_current(self, file, version):
        for one in self.versions:
            if one["file"] == file:
                one["current"] = one["version"] == version

    def deploy(self, file, source, *, by=""):
        assert by == "pickup"
        self.calls.append((file, source, time.monotonic()))
        if self.failures:
            raise self.failures.pop(0)
        try:
            compile(source, file, "exec")
        except SyntaxError as error:
            raise Invalid({"source": f"{file}, line {error.lineno}: SyntaxError: {error.msg}"}) from None
        version = 1 + sum(one["file"] == file for one in self.versions)
        digest = hashlib.sha256(source.encode()).hexdigest()
        new = {
            "file": file,
            "version": version,
            "sha256": digest,
            "source": source,
            "current": True,
            "deployed_at": time.time(),
        }
        self.versions.append(new)
        self.set_current(file, version)
        name = f"{file.removesuffix('.py').replace('_', '-')}.get"
        return {"file": file, "version": version, "services": [name], "revision": version, "applied": [], "pending": []}

    @property
    def files(self):
        return [file for file, _, _ in self.calls]


def wait_for(condition, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.002)
