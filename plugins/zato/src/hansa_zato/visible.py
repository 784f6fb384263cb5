"""Makes `zato`, `bunch` and `anyjson` importable, unless the originals are installed."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Final

ALIASES: Final = {
    "zato": "hansa_zato.zato",
    "bunch": "hansa_zato.bunch",
    "anyjson": "hansa_zato.anyjson",
}
CLIENT: Final = "zato.client"
"""What hansa-zato-client brings, under a name inside the package that is provided here."""
CLIENT_MODULE: Final = "hansa_zato_client"
_IDENTITY: Final = ("__spec__", "__loader__", "__package__", "__name__", "__path__")
"""The attributes that the import system sets on a module that it loads."""


class AliasFinder(MetaPathFinder):
    """Has `import zato.server.service` return the very module `hansa_zato.zato.server.service`.

    Whatever is installed under the visible name wins. It stands first on `sys.meta_path`, since the
    aliased package's `__path__` would otherwise let its modules be imported twice.
    """

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a module below one of the visible names, None for any other."""
        visible = name.partition(".")[0]
        real = ALIASES.get(visible)
        if real is None or _is_original(name, visible, real):
            return None
        aliased = _aliased(name, visible, real)
        try:
            found = importlib.util.find_spec(aliased)
        except ModuleNotFoundError:
            return None
        return ModuleSpec(name, AliasLoader(aliased), is_package=True) if found else None


def _aliased(name: str, visible: str, real: str) -> str:
    """Return the name of the module that is meant by a visible one."""
    if name == CLIENT or name.startswith(f"{CLIENT}."):
        return CLIENT_MODULE + name.removeprefix(CLIENT)
    return real + name.removeprefix(visible)


def _is_original(name: str, visible: str, real: str) -> bool:
    """Whether a name belongs to a package that is installed under the visible name."""
    if name == visible:
        spec = PathFinder.find_spec(name)
        # a folder without __init__.py is that of hansa-zato-client
        return spec is not None and spec.loader is not None
    return getattr(sys.modules.get(visible), "__name__", "") != real


class AliasLoader(Loader):
    """Returns the real module, its identity untouched, under the visible name."""

    def __init__(self, real: str) -> None:
        self.real = real
        self._kept: dict[str, object] = {}

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the real module."""
        module = importlib.import_module(self.real)
        self._kept = {name: vars(module)[name] for name in _IDENTITY if name in vars(module)}
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Give the module back its identity, which the import system has just overwritten."""
        for name, value in self._kept.items():
            setattr(module, name, value)


def _forget_client() -> None:
    """Forget `zato` where only its client was imported before, which then comes from here, too."""
    found = sys.modules.get("zato")
    if found is not None and getattr(found, "__file__", None) is None:
        for name in [name for name in sys.modules if name in ("zato", CLIENT)]:
            del sys.modules[name]


if not any(isinstance(finder, AliasFinder) for finder in sys.meta_path):
    _forget_client()
    sys.meta_path.insert(0, AliasFinder())
