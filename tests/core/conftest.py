"""What the tests of core share: a tiny format, an ODB in a file, throw-away plugins, and waiting for conditions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hansa.errors import Invalid
from hansa.kinds import Format
from hansa.odb import create_schema, open_engine
from hansa.settings import Model, dump, load
from hansa.store import Store


class Plain(Format):
    """JSON by the standard library, enough of it to look at what a route does with a format."""

    type = "plain"
    content_types = ("application/x-plain",)

    def parse(self, raw: bytes, model: Any = None) -> Any:
        try:
            data = json.loads(raw)
        except ValueError as error:
            raise Invalid(f"not JSON: {error}") from None
        return load(model, data, unknown=False) if isinstance(model, type) and issubclass(model, Model) else data

    def render(self, value: Any, model: Any = None) -> bytes:
        try:
            return json.dumps(value, default=dump).encode()
        except (TypeError, ValueError) as error:
            raise Invalid(f"cannot be written: {error}") from None

    def render_error(self, error: BaseException, cid: str) -> tuple[bytes, str]:
        return json.dumps({"failed": str(error) if isinstance(error, Invalid) else "", "cid": cid}).encode(), "x/error"


@pytest.fixture(scope="session")
def plain() -> type[Format]:
    """A format."""
    return Plain


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store over an SQLite file."""
    engine = open_engine(f"sqlite:///{tmp_path / 'odb.sqlite'}")
    create_schema(engine)
    yield Store(engine, b"key")
    engine.dispose()


@pytest.fixture(scope="session")
def until() -> Callable[..., Any]:
    """Ask a condition every 5 ms until it is true, and give what it gave; fails after some seconds."""

    def until(condition: Callable[[], Any], seconds: float = 15, what: str = "") -> Any:
        deadline = time.monotonic() + seconds
        while not (answer := condition()):
            if time.monotonic() > deadline:
                pytest.fail(f"not within {seconds} s: {what or condition}")
            time.sleep(0.005)
        return answer

    return until


@pytest.fixture
def make_plugin(tmp_path: Path) -> Callable[..., str]:
    """Make an installed-looking distribution of one plugin in a folder; gives the folder, for PYTHONPATH.

    `full` and `early` are the sources of its modules; what they use of hansa is imported for them.
    """

    def make(name: str, full: str | None = None, early: str | None = None, *, distribution: str = "") -> str:
        folder = tmp_path / "plugins"
        distribution = distribution or f"hansa-{name}"
        package = folder / f"{distribution.replace('-', '_')}_code"
        package.mkdir(parents=True, exist_ok=True)
        (package / "__init__.py").write_text("")
        entries = ""
        for group, module, source in (("hansa", "plugin", full), ("hansa.early", "early", early)):
            if source is not None:
                text = "from hansa import *\nfrom hansa import hookimpl\n" + textwrap.dedent(source)
                (package / f"{module}.py").write_text(text)
                entries += f"[{group}]\n{name} = {package.name}.{module}\n"
        info = folder / f"{distribution.replace('-', '_')}-1.0.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(entries)
        return str(folder)

    return make


@pytest.fixture
def run_python(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run code in a fresh interpreter that also sees the throw-away plugins."""

    def run(code: str, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(tmp_path / "plugins")}
        command = [sys.executable, "-c", textwrap.dedent(code), *arguments]
        return subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False, **options
        )

    return run
