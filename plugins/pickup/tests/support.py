"""A worker's facade that deploys into a list, as the pickup sees one, and waiting for what must
happen.
"""

from __future__ import annotations

import ast
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from hansa import DeployedPackage, Deployment, Invalid, MissingModule, Server, load
from hansa_pickup.early import PickupSection
from hansa_pickup.watcher import Watcher

GOOD = "from hansa import Service\n\n\nclass Get(Service):\n    def handle(self):\n        return {number}\n"


class Facade:
    """Deploys what compiles, keeps versions as the store does, and notes each call with its time."""

    def __init__(self, directory: Path, **settings) -> None:
        self.dir, self.packages = directory, self
        self.settings = load(PickupSection, settings)
        self.stored: list[dict] = []
        self.calls: list[tuple[str, str, float]] = []
        self.failures: list[Exception] = []
        self.watcher: Watcher | None = None

    @property
    def as_server(self) -> Server:
        """This, for what asks for a whole server and uses no other part of it."""
        return cast(Server, self)

    def section(self, model):
        assert model is PickupSection
        return self.settings

    def resource(self, wanted):
        assert wanted is Watcher
        return self.watcher

    def versions(self):
        return [self._version(one) for one in self.stored]

    def get(self, file):
        for one in self.stored:
            if one["file"] == file and one["current"]:
                return self._version(one)
        return None

    def _version(self, one):
        return SimpleNamespace(file=one["file"], files=one["source"], at=one["deployed_at"])

    def set_current(self, file, version):
        for one in self.stored:
            if one["file"] == file:
                one["current"] = one["version"] == version

    def deploy(self, files, *, by=""):
        """As a server does it: all or none, and what is imported must be there, with the name that
        is wanted of it.
        """
        assert by == "pickup"
        self.calls.append((" ".join(files), "\n".join(files.values()), time.monotonic()))
        if self.failures:
            raise self.failures.pop(0)
        packages: dict[str, Any] = {}
        for path, text in files.items():
            try:
                tree = compile(text, path, "exec", ast.PyCF_ONLY_AST)
            except SyntaxError as error:
                raise Invalid(
                    {"source": f"{path}, line {error.lineno}: SyntaxError: {error.msg}"}
                ) from None
            for node in ast.walk(tree):
                module = node.module if isinstance(node, ast.ImportFrom) else None
                if isinstance(node, ast.ImportFrom) and module and module.startswith("deployed_"):
                    there = {
                        p: t
                        for one in self.stored
                        if one["current"]
                        for p, t in one["source"].items()
                    } | files
                    stem = module.replace(".", "/")
                    found = there.get(f"{stem}.py", there.get(f"{stem}/__init__.py"))
                    if found is None or any(alias.name not in found for alias in node.names):
                        raise MissingModule(
                            {"source": f"{path}, line {node.lineno}: ImportError: of {node.module}"}
                        )
            packages.setdefault("".join(path.partition("/")[:2]), {})[path] = files[path]
        return Deployment(1, [], [], [self.add(*package) for package in packages.items()])

    def add(self, file, source):
        version = 1 + sum(one["file"] == file for one in self.stored)
        new = {
            "file": file,
            "version": version,
            "source": source,
            "current": True,
            "deployed_at": time.time(),
        }
        self.stored.append(new)
        self.set_current(file, version)
        name = f"{file.removesuffix('.py').replace('_', '-')}.get"
        return DeployedPackage(file, version, [name] if "Service" in str(source) else [])

    def deployed(self):
        """What serves, by path."""
        return {
            path: text
            for one in self.stored
            if one["current"]
            for path, text in one["source"].items()
        }

    @property
    def called(self):
        return [file for file, _, _ in self.calls]
