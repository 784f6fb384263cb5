"""From the source of a file to service classes: a trial import in a child process, then a versioned module in each worker."""

from __future__ import annotations

import json
import linecache
import os
import re
import signal
import subprocess
import sys
import traceback
import types
from collections.abc import Iterable
from typing import Any

from .errors import Invalid
from .service import Service

_FILE = re.compile(r"[A-Za-z0-9_]{1,100}\.py")
MAX_SOURCE = 1024 * 1024


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
        text = "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]
    return f"{file}, line {line}: {text}" if line else f"{file}: {text}"


def trial(file: str, source: str, timeout: float = 10.0, modules: Iterable[str] = ()) -> dict[str, str]:
    """Import a source in a child process and give its services, {class name: service name}.

    `modules` are imported before the source. The child has its own process group, killed after `timeout` seconds, and none of Hansa's environment variables. Success is
    its report on a private pipe, never an exit status. It is no sandbox: whoever may deploy code owns the server.
    Raises `Invalid` with the fault under `source`.
    """
    check_file(file, source)
    reading, writing = os.pipe()
    environment = {key: value for key, value in os.environ.items() if not key.startswith("HANSA_")}
    job = json.dumps({"file": file, "source": source, "modules": list(modules), "report": writing}).encode()
    child = subprocess.Popen(
        [sys.executable, "-m", "hansa.trial"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
        pass_fds=(writing,),
        start_new_session=True,
    )
    os.close(writing)
    timed_out = False
    try:
        child.communicate(job, timeout=timeout)
    except subprocess.TimeoutExpired:
        timed_out = True
    finally:
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        child.wait()
        with os.fdopen(reading, "rb") as pipe:
            report = pipe.read(MAX_SOURCE)
    if timed_out:
        raise Invalid({"source": f"{file}: the import took longer than {timeout:g} s"})
    try:
        found: dict[str, Any] = json.loads(report)
    except ValueError:
        raise Invalid({"source": f"{file}: the import ended its process (exit status {child.returncode})"}) from None
    if "error" in found:
        raise Invalid({"source": found["error"]})
    if not found["services"]:
        raise Invalid({"source": f"{file}: defines no service: a class derived from Service, with handle()"})
    services: dict[str, str] = found["services"]
    twice = {name for name in services.values() if list(services.values()).count(name) > 1}
    if twice:
        raise Invalid({"source": f"{file}: two classes have the service name {', '.join(sorted(twice))}"})
    return services
