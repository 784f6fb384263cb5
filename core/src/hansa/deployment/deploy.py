"""From sources to modules and service classes: what may be deployed, a trial import in a child process, versions side by side."""

from __future__ import annotations

import builtins
import contextlib
import importlib.abc
import json
import linecache
import os
import re
import signal
import subprocess
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterable, Mapping
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import msgspec

from ..contract.packages import files_of, import_name, imports_of
from ..contract.service import Service
from ..foundation.errors import Invalid

_PATH = re.compile(r"(?=.{1,200}\Z)(\w{1,100}/){0,9}\w{1,100}\.py", re.A)
_RUN = re.compile(r"([\w/]+\.py)@\w+", re.A)
_INSTALLED = re.compile(r"hansa_|.*(site|dist)-packages")
MAX_SOURCE, MAX_FILES = 4 * 2**20, 1000
"""Bytes, and number, of the files of one deployment."""
_times = Counter[str]()
_known: dict[str, Loaded] = {}
loaded: dict[str, Loaded] = {}
"""The packages of this process, by import name."""


class Report(msgspec.Struct):
    """What the child tells: service names by class name, by package; and errors."""

    services: dict[str, dict[str, str]] = {}
    errors: list[str] = []


def packages(files: Mapping[str, str]) -> dict[str, str]:
    """The sources of packages, of files by path: `rates.py` is one by itself, a folder `rates/` is one, as JSON of its files.

    Raises `Invalid` with all that is wrong with names and sizes under `file`.
    """
    found, faults = dict[str, dict[str, str]](), list[str]()
    for path, text in sorted(files.items()):
        package, folder = "".join(path.partition("/")[:2]), path.rpartition("/")[0]
        found.setdefault(package, {})[path] = text
        name = import_name(package)
        if not _PATH.fullmatch(path) or (folder and f"{folder}/__init__.py" not in files):
            faults.append(
                f"{path!r} must be letters, digits and _, and end in .py, in folders that have __init__.py"
            )
        elif name in {*sys.stdlib_module_names, *sys.modules} or _INSTALLED.match(
            f"{name} {find_spec(name)}"
        ):
            faults.append(
                f"{package}: {name} is the name of a module of Python, of Hansa or of an installed package"
            )
    if len({import_name(package) for package in found}) < len(found):
        faults.append("a file and a folder have the same name")
    size = sum(len(text.encode(errors="surrogatepass")) for text in files.values())
    if size > MAX_SOURCE or len(files) > MAX_FILES:
        faults.append(
            f"{len(files)} files of {size} bytes are over {MAX_FILES} or over {MAX_SOURCE}"
        )
    if faults:
        raise Invalid({"file": "; ".join(faults)[:2000]})
    return {p: inner[p] if p.endswith(".py") else json.dumps(inner) for p, inner in found.items()}


def importers(sources: Mapping[str, str], names: Iterable[str]) -> set[str]:
    """The packages that import one of these names, directly or through others."""
    found, edge = set[str](), set(names)
    while edge:
        # PERF: parsing takes 1,000 times as long as looking for the name
        more = {
            p
            for p, text in sources.items()
            if p not in found and any(name in text for name in edge)
        }
        more = {package for package in more if imports_of(package, sources[package]) & edge}
        found |= more
        edge = {import_name(package) for package in more}
    return found


class Loaded(importlib.abc.Loader):
    """One version of a package in this process; its modules import, for good, what was deployed when they were run."""

    def __init__(self, package: str, version: int, source: str) -> None:
        self.package, self.version, self.source, self.name = (
            package,
            version,
            source,
            import_name(package),
        )
        self.files, self.services = files_of(package, source), dict[str, type[Service]]()
        self.uses: dict[str, Loaded] | None = None
        # a version is run again when what it imports has changed
        _times[top := f"{self.name}@{version}"] += 1
        self.top = f"{top}_{_times[top]}" if _times[top] > 1 else top
        _known[self.top] = self

    def run(self) -> None:
        """Run all its modules and collect its service classes, by class name; exceptions of the sources come through.

        They stand in `sys.modules` before they run, since typing looks them up there.
        """
        for path in self.files:
            name = (
                path.removesuffix(".py")
                .removesuffix("/__init__")
                .replace("/", ".")
                .replace(self.name, self.top, 1)
            )
            for value in list(vars(importlib.import_module(name)).values()):
                ours = (
                    isinstance(value, type)
                    and issubclass(value, Service)
                    and value.__module__ == name
                )
                if ours and not value.abstract:
                    self.services[f"{name}.{value.__name__}".removeprefix(f"{self.top}.")] = value

    def path(self, module: str) -> str | None:
        """Which of its files is a module."""
        stem = module.replace(self.top, self.name, 1).replace(".", "/")
        return next(
            (path for path in (f"{stem}/__init__.py", f"{stem}.py") if path in self.files), None
        )

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Find a module of any package, as a finder on `sys.meta_path` does."""
        self = _known.get(name.partition(".")[0])
        found = self.path(name) if self else None
        return ModuleSpec(name, self, is_package=found.endswith("/__init__.py")) if found else None

    def get_source(self, module: str) -> str:
        """The text of a module, for tracebacks."""
        return self.files[self.path(module) or ""]

    def exec_module(self, module: ModuleType) -> None:
        """Run a module."""
        if self.uses is None:
            self.uses = {
                name: loaded[name] for name in imports_of(self.package, self.source) & loaded.keys()
            }
        module.__file__ = f"{self.path(module.__name__)}@{self.top.rpartition('@')[2]}"
        if self.uses:
            vars(module)["__builtins__"] = {**vars(builtins), "__import__": self._import}
        exec(
            compile(self.get_source(module.__name__), module.__file__, "exec", dont_inherit=True),
            vars(module),
        )

    def _import(self, name: str, *arguments: Any, **options: Any) -> ModuleType:
        """What stands for `__import__` in its modules."""
        top, dot, rest = name.partition(".")
        if used := (self.uses or {}).get(top):
            name = f"{used.top}{dot}{rest}"
        return builtins.__import__(name, *arguments, **options)

    def unload(self) -> None:
        """Forget its modules; running requests keep their classes."""
        _known.pop(self.top, None)
        for name in [name for name in sys.modules if name.partition(".")[0] == self.top]:
            linecache.cache.pop(str(sys.modules.pop(name).__file__), None)


sys.meta_path.append(Loaded)


def load(new: Iterable[Loaded]) -> dict[str, BaseException]:
    """Run packages, in place of what is loaded by their names; gives the errors by package."""
    global loaded
    loaded, errors = {**loaded, **{each.name: each for each in new}}, dict[str, BaseException]()
    for each in new:
        try:
            each.run()
        except BaseException as error:
            errors[each.package] = error
    return errors


def describe_error(error: BaseException, package: str) -> str:
    """One line that tells where in a package, or in what it imports, an import failed and why."""
    places = [
        (m[1], f.lineno)
        for f in traceback.extract_tb(error.__traceback__)
        if (m := _RUN.fullmatch(f.filename))
    ]
    lines = "".join(traceback.format_exception_only(error)).strip().splitlines()
    text = lines[-1] if isinstance(error, SyntaxError) else lines[0]
    if isinstance(error, SyntaxError) and (match := _RUN.fullmatch(error.filename or "")):
        places, text = [*places, (match[1], error.lineno)], f"{type(error).__name__}: {error.msg}"
    found = f"{places[-1][0]}, line {places[-1][1]}: {text}" if places else f"{package}: {text}"
    if places and places[0][0] != places[-1][0]:
        found += f" (from {places[0][0]}, line {places[0][1]})"
    return re.sub(r"(?<=\w)@\d\w*", "", found)[:1000].encode(errors="backslashreplace").decode()


def trial(
    sources: Mapping[str, str],
    changed: Iterable[str],
    timeout: float = 10.0,
    modules: Iterable[str] = (),
) -> dict[str, dict[str, str]]:
    """Import those of the packages that changed, and all that import them, in a child process.

    Gives their services by package, {class name: service name}. `modules` are imported before them. The child has its own
    process group, killed after `timeout` seconds, and none of Hansa's environment variables. Success is its report in a
    private file, never an exit status. It is no sandbox: whoever may deploy code owns the server.
    Raises `Invalid` with the faults under `source`.
    """
    environment = {key: value for key, value in os.environ.items() if not key.startswith("HANSA_")}
    named = ", ".join(changed := sorted(changed))[:200]
    # a file and no pipe, which children that broke away could keep open
    with tempfile.TemporaryFile() as report:
        number = report.fileno()
        given = {
            "sources": dict(sources),
            "changed": changed,
            "modules": list(modules),
            "report": number,
        }
        command = [sys.executable, "-P", "-m", "hansa.deployment.trial"]
        streams: Any = {
            "stdin": subprocess.PIPE,
            "stdout": subprocess.DEVNULL,
            "stderr": subprocess.DEVNULL,
        }
        child = subprocess.Popen(
            command, env=environment, pass_fds=(number,), start_new_session=True, **streams
        )
        try:
            child.communicate(json.dumps(given).encode(), timeout=timeout)
        except subprocess.TimeoutExpired:
            raise Invalid(
                {"source": f"{named}: the import took longer than {timeout:g} s"}
            ) from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        report.seek(0)
        try:
            found = msgspec.json.decode(report.read(MAX_SOURCE), type=Report)
        except msgspec.MsgspecError:
            found = Report(
                errors=[f"{named}: the import ended its process (exit status {child.returncode})"]
            )
    if found.errors:
        raise Invalid({"source": "; ".join(found.errors)})
    return found.services
