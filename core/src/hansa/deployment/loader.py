"""Deployed packages as modules: versions stand side by side, and keep what they imported."""

from __future__ import annotations

import builtins
import importlib
import importlib.abc
import linecache
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import cast

from ..contract.dialect import Dialect
from ..contract.packages import files_of, import_name, imports_of
from ..contract.service import Service
from ..foundation.errors import Unavailable
from ..foundation.starts import Starts


class LoadedPackage(importlib.abc.Loader):
    """One version of a package in a process, whose modules stand in `sys.modules` below `top`, such
    as `rates@3`.

    Its modules import, for good, what was deployed when they were run.
    """

    def __init__(
        self, loader: PackageLoader, package: str, version: int, source: str, top: str
    ) -> None:
        self._loader = loader
        self.package = package
        self.version = version
        self.source = source
        self.name = import_name(package)
        self.top = top
        self.files = files_of(package, source)
        self.services: dict[str, type[Service]] = {}
        self.uses: dict[str, LoadedPackage] | None = None
        self.dialect: Dialect | None = None

    def run(self) -> None:
        """Run all its modules and collect its service classes, by class name; exceptions of the
        sources come through.

        They stand in `sys.modules` before they run, since typing looks them up there.
        """
        for path in self.files:
            name = self._module_of(path)
            module = importlib.import_module(name)
            inside = f"{name}.".removeprefix(f"{self.top}.")
            for value in list(vars(module).values()):
                if _is_service_of(value, name):
                    self.services[f"{inside}{value.__name__}"] = value

    def _module_of(self, path: str) -> str:
        if path == self.package:
            return self.top
        stem = path.removesuffix(".py").removesuffix("/__init__")
        return stem.replace("/", ".").replace(self.name, self.top, 1)

    def path_of(self, module: str) -> str | None:
        """Return which of its files is a module; None if there is none."""
        if module == self.top and self.package in self.files:
            return self.package
        stem = module.replace(self.top, self.name, 1).replace(".", "/")
        for path in (f"{stem}/__init__.py", f"{stem}.py"):
            if path in self.files:
                return path
        return None

    def get_source(self, module: str) -> str:
        """Return the text of a module, for tracebacks."""
        return self.files[self.path_of(module) or ""]

    def exec_module(self, module: ModuleType) -> None:
        """Run a module."""
        if self.uses is None:
            wanted = imports_of(self.package, self.source)
            self.uses = self._loader.loaded_of(wanted)
            self.dialect = self._loader.dialect_of(self.files)
        version = self.top.rpartition("@")[2]
        module.__file__ = f"{self.path_of(module.__name__)}@{version}"
        namespace = vars(module)
        dialect = self.dialect
        if self.uses or dialect:
            more = dialect.builtins() if dialect else {}
            namespace["__builtins__"] = {**vars(builtins), **more, "__import__": self._import}
        text = self.get_source(module.__name__)
        source = dialect.parse(text, module.__file__) if dialect else text
        code = compile(source, module.__file__, "exec", dont_inherit=True)
        exec(code, namespace)  # noqa: S102 - to execute deployed sources is what it is for

    def _import(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        """Stand for `__import__` in its modules: a deployed name is the version it was run with, and
        a dialect may have modules of its own.
        """
        top, dot, rest = name.partition(".")
        used = (self.uses or {}).get(top)
        if used is not None:
            name = f"{used.top}{dot}{rest}"
        elif self.dialect and not level:
            found = _find_in(self.dialect, name, whole=not fromlist)
            if found is not None:
                return found
        return builtins.__import__(name, globals, locals, fromlist or (), level)

    def unload(self) -> None:
        """Forget its modules; requests that run keep their classes."""
        self._loader.forget(self)
        for name in [name for name in sys.modules if name.partition(".")[0] == self.top]:
            module = sys.modules.pop(name)
            linecache.cache.pop(str(module.__file__), None)


class PackageLoader(importlib.abc.MetaPathFinder):
    """The deployed packages of a process: makes and runs them, and finds their modules.

    `loaded` holds those that serve, by import name. It stands on `sys.meta_path` until `close`.
    What is run is noted in `starts`, and one that has ended several processes, or hung, is not run.
    `dialects` are the modules that `hansa_dialects` names.
    """

    def __init__(self, starts: Starts | None = None, dialects: Iterable[str] = ()) -> None:
        self._starts = starts or Starts()
        modules = [importlib.import_module(name) for name in dialects]
        self._dialects = [cast(Dialect, module) for module in modules]
        self.loaded: dict[str, LoadedPackage] = {}
        self._by_top: dict[str, LoadedPackage] = {}
        self._runs: Counter[str] = Counter()
        sys.meta_path.append(self)

    def close(self) -> None:
        """Unload everything, and find nothing any more."""
        for each in list(self._by_top.values()):
            each.unload()
        self.loaded = {}
        sys.meta_path.remove(self)

    def make(self, package: str, version: int, source: str) -> LoadedPackage:
        """Return a version of a package, not yet run; one that is run again has modules of its own."""
        top = f"{import_name(package)}@{version}"
        self._runs[top] += 1
        runs = self._runs[top]
        if runs > 1:
            top = f"{top}_{runs}"
        made = self._by_top[top] = LoadedPackage(self, package, version, source, top)
        return made

    def load(self, new: Iterable[LoadedPackage]) -> dict[str, BaseException]:
        """Run packages, in place of what is loaded by their names; returns the errors by package."""
        packages = list(new)
        # as a whole: what is running must not see a mixture
        self.loaded = {**self.loaded, **{each.name: each for each in packages}}
        errors: dict[str, BaseException] = {}
        for each in packages:
            try:
                self._run(each)
            except BaseException as error:
                errors[each.package] = error
        return errors

    def _run(self, package: LoadedPackage) -> None:
        subject = f"package {package.package} version {package.version}"
        deaths = self._starts.quarantined(subject)
        if deaths is not None:
            raise Unavailable(f"{deaths}; deploy a version that can be imported")
        with self._starts.starting(subject), self._starts.holding_up(subject):
            package.run()

    def loaded_of(self, names: Iterable[str]) -> dict[str, LoadedPackage]:
        """Return those of the loaded packages that have these import names."""
        loaded = self.loaded
        return {name: loaded[name] for name in names if name in loaded}

    def dialect_of(self, files: Mapping[str, str]) -> Dialect | None:
        """Return the dialect that a package is written in; None for plain Python."""
        return next((each for each in self._dialects if each.speaks(files)), None)

    def forget(self, package: LoadedPackage) -> None:
        """Find the modules of a version no longer."""
        self._by_top.pop(package.top, None)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module of any of its packages."""
        package = self._by_top.get(name.partition(".")[0])
        found = package.path_of(name) if package else None
        if found is None:
            return None
        return ModuleSpec(name, package, is_package=found.endswith("/__init__.py"))


def _find_in(dialect: Dialect, name: str, *, whole: bool) -> ModuleType | None:
    """Return what a dialect imports by a name, as `__import__` does; `whole` is the top package, as
    in `import email.utils`.
    """
    found = dialect.find(name)
    top = name.partition(".")[0]
    if not whole or top == name:
        return found
    package = dialect.find(top)
    if found is None and package is not None:
        importlib.import_module(name)
    return package


def _is_service_of(value: object, module: str) -> bool:
    """Whether something is a service class that this module defines."""
    if not (isinstance(value, type) and issubclass(value, Service)):
        return False
    return value.__module__ == module and not value.abstract
