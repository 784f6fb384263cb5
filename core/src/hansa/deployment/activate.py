"""Loading what is deployed into a worker, and swapping its services in the registry."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager

from ..contract.packages import PackageVersion, import_name
from ..contract.registry import RegisteredService
from ..foundation.starts import Starts
from ..plugins.registry import Clash, Registry
from .loader import LoadedPackage, PackageLoader
from .sources import importers
from .store import PackageStore

log = logging.getLogger("hansa.worker")


class Activation:
    """Loads the packages that serve into this process, and what imports them.

    `recompile(names)` gives routes to services a new class, `report(package, error)` notes a
    package that cannot be loaded, or, with None, that it is tried anew. `loaded(package)` is called
    for each package that was deployed and is loaded now; `starts` notes what is loaded; `dialects` are the
    modules that `hansa_dialects` names.
    """

    def __init__(
        self,
        store: PackageStore,
        registry: Registry,
        recompile: Callable[[Iterable[str]], None],
        report: Callable[[str, BaseException | None], None],
        loaded: Callable[[PackageVersion], None],
        starts: Starts | None = None,
        dialects: Iterable[str] = (),
    ) -> None:
        self.store = store
        self.registry = registry
        self._recompile = recompile
        self._report = report
        self._loaded = loaded
        self._loader = PackageLoader(starts, dialects)
        self._before: dict[str, LoadedPackage] = {}

    def load(self) -> None:
        """Load what serves and is not loaded, with what imports it, and swap its services at once."""
        with self.loaded_meanwhile():
            pass

    @contextmanager
    def loaded_meanwhile(self) -> Iterator[None]:
        """Load what serves as `load` does, with the services that are gone still there until the end
        of the context: what uses them is changed meanwhile.
        """
        before = self._loader.loaded
        serving = {
            import_name(file): (file, version) for file, version in self.store.serving().items()
        }
        present = {name: (each.package, each.version) for name, each in before.items()}
        changed = {
            name
            for name in serving.keys() | present.keys()
            if serving.get(name) != present.get(name)
        }
        packages = self._fetch(serving, changed | self._users(before.values(), changed))
        new = [self._loader.make(one.file, one.version, one.source) for one in packages]
        errors = self._loader.load(new)
        services = self._services(new, errors)
        done = {each.name: each for each in new if each.package not in errors}
        # what cannot be loaded goes on as it was
        stays = {
            name: each for name, each in before.items() if name in serving and name not in done
        }
        self._loader.loaded = {**stays, **done}
        replaced = [each for name, each in before.items() if name not in stays]
        origins = {each.package for each in (*replaced, *done.values())}
        gone = self._gone(origins, services)
        self._recompile(self.registry.replace_services(origins, [*services, *gone]))
        self._unload_older(replaced)
        for package, each in zip(packages, new, strict=True):
            error = errors.get(each.package)
            if error is not None:
                each.unload()
                self._report(each.package, error)
            else:
                self._log(each, services, deployed=each.name in changed)
                if each.name in changed:
                    self._loaded(package)
        try:
            yield
        finally:
            if gone:
                self._recompile(self.registry.replace_services(origins, services))

    def _gone(
        self, origins: Collection[str], services: Iterable[RegisteredService]
    ) -> list[RegisteredService]:
        """Return the registered services of these packages that are in none any more."""
        there = {one.name for one in services}
        return [
            one
            for one in self.registry.services()
            if one.origin in origins and one.name not in there
        ]

    @staticmethod
    def _users(before: Iterable[LoadedPackage], changed: set[str]) -> set[str]:
        """Return the import names of the loaded packages that import what changed."""
        sources = {each.package: each.source for each in before}
        return {import_name(user) for user in importers(sources, changed)}

    def _fetch(self, serving: dict[str, tuple[str, int]], names: set[str]) -> list[PackageVersion]:
        found = []
        for name in sorted(serving.keys() & names):
            file, version = serving[name]
            self._report(file, None)
            package = self.store.get(file, version)
            if package is not None:
                found.append(package)
        return found

    def _services(
        self, new: Iterable[LoadedPackage], errors: dict[str, BaseException]
    ) -> list[RegisteredService]:
        """Return the services of loaded packages; a name that a plugin has is the package's error."""
        of_plugins = {one.name for one in self.registry.services() if one.comes_with_plugin}
        services: list[RegisteredService] = []
        for each in new:
            if each.package in errors:
                continue
            given = [
                RegisteredService(cls.get_name(), cls, each.package, each.version)
                for cls in each.services.values()
            ]
            taken = sorted(of_plugins & {one.name for one in given})
            if taken:
                errors[each.package] = Clash(f"a plugin gives the service {taken[0]}")
            else:
                services += given
        return services

    def _unload_older(self, replaced: Iterable[LoadedPackage]) -> None:
        """Unload the modules before those replaced, in which running requests may look up names."""
        for old in replaced:
            older = self._before.pop(old.name, None)
            if older is not None:
                older.unload()
            self._before[old.name] = old

    @staticmethod
    def _log(each: LoadedPackage, services: Iterable[RegisteredService], *, deployed: bool) -> None:
        own = [one.name for one in services if one.origin == each.package]
        names = ", ".join(own) or "no services"
        how = "loaded" if deployed else "loaded anew, with what it imports,"
        log.info("%s %s version %s: %s", how, each.package, each.version, names)
