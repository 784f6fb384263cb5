"""From the source of a file to service classes: a trial import in a child process, then a versioned module in each worker."""

from __future__ import annotations

import json
import linecache
import os
import re
import signal
import subprocess
import sys
import tempfile
import traceback
import types
from collections.abc import Iterable

import msgspec

from .errors import Invalid
from .service import Service

_FILE = re.compile(r"[A-Za-z0-9_]{1,100}\.py")
MAX_SOURCE = 1024 * 1024


class Report(msgspec.Struct):
    """What the child tells: service names by class name, or the error."""

    services: dict[str, str] = {}
    error: str = ""


def check_file(file: str, source: str) -> None:
    """Refuse file names and sizes that are never deployed; raises `Invalid`."""
    if not _FILE.fullmatch(file):
        raise Invalid({"file": "must be letters, digits and _ with the ending .py, without a folder"})
    if len(source.encode(errors="surrogatepass")) > MAX_SOURCE:
        raise Invalid({"source": f"is over {MAX_SOURCE} bytes"})


def load_source(file: str, version: int, source: str) -> dict[str, type[Service]]:
    """Run a source as the module `NAME@VERSION` and give its service classes by class name; exceptions of the source come through.

    The module stands in `sys.modules` before it runs, since typing looks it up there.
    """
    stem = file.removesuffix(".py")
    name, filename = f"{stem}@{version}", f"{file}@{version}"
    module = types.ModuleType(name)
    module.__file__ = filename
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    sys.modules[name] = module
    try:
        exec(compile(source, filename, "exec", dont_inherit=True), module.__dict__)
    except BaseException:
        unload(file, version)
        raise
    return {
        value.__name__: value
        for value in list(vars(module).values())
        if isinstance(value, type) and issubclass(value, Service) and value.__module__ == name and not value.abstract
    }


def unload(file: str, version: int) -> None:
    """Forget the module of one version; running requests keep their classes."""
    sys.modules.pop(f"{file.removesuffix('.py')}@{version}", None)
    linecache.cache.pop(f"{file}@{version}", None)


def describe_error(error: BaseException, file: str) -> str:
    """One line that tells where in the file an import failed and why."""
    line = 0
    if isinstance(error, SyntaxError) and (error.filename or "").partition("@")[0] == file:
        line, text = error.lineno or 0, f"{type(error).__name__}: {error.msg}"
    else:
        for frame in traceback.extract_tb(error.__traceback__):
            if frame.filename.partition("@")[0] == file:
                line = frame.lineno or 0
        lines = "".join(traceback.format_exception_only(error)).strip().splitlines()
        text = lines[-1] if isinstance(error, SyntaxError) else lines[0]
    found = f"{file}, line {line}: {text}" if line else f"{file}: {text}"
    return found[:1000].encode(errors="backslashreplace").decode()


def trial(file: str, source: str, timeout: float = 10.0, modules: Iterable[str] = ()) -> dict[str, str]:
    """Import a source in a child process and give its services, {class name: service name}.

    `modules` are imported before the source. The child has its own process group, killed after `timeout` seconds, and none
    of Hansa's environment variables. Success is its report in a private file, never an exit status. It is no sandbox:
    whoever may deploy code owns the server.
    Raises `Invalid` with the fault under `source`.
    """
    check_file(file, source)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("HANSA_")}
    # a file and no pipe, which children that broke away could keep open
    with tempfile.TemporaryFile() as report:
        number = report.fileno()
        job = json.dumps({"file": file, "source": source, "modules": list(modules), "report": number}).encode()
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "hansa.trial"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
            pass_fds=(number,),
            start_new_session=True,
        )
        try:
            child.communicate(job, timeout=timeout)
        except subprocess.TimeoutExpired:
            raise Invalid({"source": f"{file}: the import took longer than {timeout:g} s"}) from None
        finally:
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            child.wait()
        report.seek(0)
        try:
            found = msgspec.json.decode(report.read(MAX_SOURCE), type=Report)
        except msgspec.MsgspecError:
            raise Invalid(
                {"source": f"{file}: the import ended its process (exit status {child.returncode})"}
            ) from None
    if found.error:
        raise Invalid({"source": found.error})
    if not found.services:
        raise Invalid({"source": f"{file}: defines no service: a class derived from Service, with handle()"})
    names = list(found.services.values())
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise Invalid({"source": f"{file}: two classes have the service name {', '.join(sorted(twice))}"})
    return found.services
