"""Everything public says what it is for, and nothing says where or with what it was made."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
from pathlib import Path
from types import FunctionType

import pytest

from tools.project import TOP, core, dotted, plugins
from tools.source import undocumented

PACKAGES = pytest.mark.parametrize(
    "package", [core(), *plugins()], ids=lambda package: package.name
)
# a path under a home or a work folder of one machine, the loopback's own services excepted
MACHINE = re.compile(r"(?:^|[\s\"'`(=:])/(?:root|home|Users|work|farm|mnt|private)/[A-Za-z0-9_.-]")


@PACKAGES
def test_a_package_says_what_it_is_and_how_it_is_used(package):
    readme = (package.folder / "README.md").read_text()
    assert readme.startswith(f"# {package.name}"), (
        "the README begins with the name of the distribution"
    )
    assert len(readme.split()) > 40, "the README says nothing"
    assert package.project["license"] == "Apache-2.0"
    assert package.project["description"]
    assert package.project["requires-python"] == ">=3.11"


def inherited(cls: type, name: str) -> bool:
    """Whether a base class has an attribute of this name, so that it says what it is for."""
    return any(name in vars(base) for base in cls.__mro__[1:])


def undocumented_methods(cls: type) -> list[str]:
    """The public methods and properties of a class that neither it nor a base documents."""
    return [
        name
        for name, thing in vars(cls).items()
        if not name.startswith("_")
        and isinstance(thing, FunctionType | classmethod | staticmethod | property)
        and not inspect.getdoc(thing)
        and not inherited(cls, name)
    ]


@pytest.mark.rebuilt
@PACKAGES
def test_every_method_is_documented_where_it_is_new(package):
    """Classes with bases, which the sources alone cannot judge."""
    missing = []
    for file in package.sources():
        if {"templates", "migrations", "zato"} & {*file.parts} or file.stem == "__main__":
            continue
        module = importlib.import_module(dotted(file)[0])
        for name, cls in vars(module).items():
            if isinstance(cls, type) and cls.__module__ == module.__name__ and name[0] != "_":
                missing += [f"{name}.{method}" for method in undocumented_methods(cls)]
    assert not missing


def test_undocumented_methods_are_noticed():
    class Base:
        def known(self): ...

    class Derived(Base):
        def known(self): ...
        def new(self): ...
        def told(self):
            """Told."""

    assert undocumented_methods(Derived) == ["new"]


def test_undocumented_definitions_are_noticed():
    tree = ast.parse(
        '"""Module."""\nclass A:\n    def b(self): ...\n'
        'class C(A):\n    """C."""\n    def b(self): ...\n'
        "def _d(): ...\n"
    )
    assert undocumented(tree) == ["A (line 2)", "A.b (line 3)"]


def tracked() -> list[Path]:
    """The files of the project: what git knows and what is new and not ignored."""
    listed = subprocess.check_output(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=TOP, text=True
    )
    return [file for line in listed.splitlines() if (file := TOP / line).is_file()]


def test_no_path_of_somebodys_machine():
    for file in tracked():
        text = file.read_bytes().decode(errors="replace")
        found = [line for line in text.splitlines() if MACHINE.search(line)]
        assert not found, f"{file.relative_to(TOP)}: {found[:3]}"


def test_lock_files_name_no_address():
    for file in TOP.glob("requirements*.lock"):
        assert "://" not in file.read_text(), file
    assert not [file for file in tracked() if file.name in ("uv.lock", "poetry.lock")]
