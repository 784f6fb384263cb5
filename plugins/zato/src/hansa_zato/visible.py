"""Makes `zato`, `bunch` and `anyjson` importable by sources of services, unless the originals are installed."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

ALIASES = {"zato": "hansa_zato.zato", "bunch": "hansa_zato.bunch", "anyjson": "hansa_zato.anyjson"}


class AliasFinder(MetaPathFinder):
    """Makes `import zato.server.service` find `hansa_zato.zato.server.service`, as one and the same module.

    Whatever is installed under the visible name wins. It stands first on `sys.meta_path`, since the aliased package's
    `__path__` would otherwise let its modules be imported twice.
    """

    def find_spec(
        self, name: str, path: Any, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        visible = name.partition(".")[0]
        real = ALIASES.get(visible)
        if real is None:
            return None
        if name == visible:
            if PathFinder.find_spec(name) is not None:
                return None
        elif getattr(sys.modules.get(visible), "__name__", "") != real:
            return None
        there = real + name[len(visible) :]
        try:
            if importlib.util.find_spec(there) is None:
                return None
        except ModuleNotFoundError:
            return None
        return ModuleSpec(name, AliasLoader(there), is_package=True)


class AliasLoader(Loader):
    """Gives the real module, its identity untouched, under the visible name."""

    def __init__(self, real: str) -> None:
        self.real = real

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(self.real)
        self.kept = (
            module.__spec__,
            module.__loader__,
            module.__package__,
            module.__name__,
            getattr(module, "__path__", None),
        )
        return module

    def exec_module(self, module: ModuleType) -> None:
        # the import system has just overwritten the attributes of a module that already has an identity
        module.__spec__, module.__loader__, module.__package__, module.__name__ = self.kept[:4]
        if self.kept[4] is not None:
            module.__path__ = self.kept[4]


if not any(isinstance(finder, AliasFinder) for finder in sys.meta_path):
    sys.meta_path.insert(0, AliasFinder())
