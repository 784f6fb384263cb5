"""Sources in a dialect of Python: further names and imports for them alone, in trials and workers."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hansa import Invalid
from hansa.deployment.loader import LoadedPackage, PackageLoader
from hansa.deployment.sources import packages_of
from hansa.deployment.trial import trial

DIALECT = """
import ast, types

found = types.ModuleType("numerals")
found.ten = 10
extended = types.ModuleType("email")
extended.older = types.ModuleType("older")

def speaks(files):
    return any("numerals" in text for text in files.values())

def builtins():
    return {"five": 5}

def find(name):
    return {"numerals": found, "email": extended, "email.older": extended.older}.get(name)

def parse(text, file):
    return ast.parse(text.replace("SIX", "6"), file)
"""
SPEAKS = """
import numerals
from numerals import ten
import email.older as older, email.older, email.utils
from hansa import Service

class Sum(Service):
    def handle(self):
        import numerals as inside
        return five + ten + inside.ten + SIX

def names():
    return numerals.ten, older.__name__, email.older is older
"""
PLAIN = (
    "from hansa import Service\nclass Plain(Service):\n    def handle(self):\n        return five\n"
)


@pytest.fixture
def dialect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A module that reads sources in a dialect, importable here and in trials."""
    (tmp_path / "numeral_dialect.py").write_text(DIALECT)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    yield "numeral_dialect"
    sys.modules.pop("numeral_dialect", None)


@pytest.fixture
def run(dialect: str) -> Iterator[Callable[[dict[str, str]], dict[str, LoadedPackage]]]:
    """Load packages in a process that knows the dialect."""
    loader = PackageLoader(dialects=[dialect])

    def load(files: dict[str, str]) -> dict[str, LoadedPackage]:
        new = [loader.make(file, 1, text) for file, text in packages_of(files).items()]
        for error in loader.load(new).values():
            raise error
        return {each.package: each for each in new}

    yield load
    loader.close()


def test_its_names_its_imports_and_its_syntax(run):
    package = run({"sums.py": SPEAKS})["sums.py"]
    assert package.services["Sum"]().handle() == 31
    module = sys.modules["sums@1"]
    assert module.names() == (10, "older", True)
    assert sys.modules["email"].__name__ == "email" and not hasattr(sys.modules["email"], "older")
    assert "numerals" not in sys.modules and not hasattr(builtins, "five")


def test_others_have_none_of_it(run):
    packages = run({"sums.py": SPEAKS, "plain.py": PLAIN})
    with pytest.raises(NameError, match="five"):
        packages["plain.py"].services["Plain"]().handle()


def test_what_is_deployed_under_a_name_comes_first(run):
    packages = run({"sums.py": SPEAKS, "numerals.py": "ten = 1000\n"})
    assert packages["sums.py"].services["Sum"]().handle() == 2011


def test_all_files_of_a_folder_are_read_in_it(run):
    files = {"shop/__init__.py": "import numerals\n", "shop/more.py": "value = five + SIX\n"}
    run(files)
    assert sys.modules["shop@1.more"].value == 11


def test_a_traceback_shows_the_source_as_it_was_deployed(run):
    source = f"{SPEAKS}\ndef fail():\n    return SIX / 0\n"
    package = run({"sums.py": source})["sums.py"]
    assert package.get_source("sums@1") == source
    with pytest.raises(ZeroDivisionError) as caught:
        sys.modules["sums@1"].fail()
    last = caught.traceback[-1]
    assert last.frame.code.raw.co_filename == "sums.py@1"
    assert source.splitlines()[last.lineno] == "    return SIX / 0"


def test_a_trial_reads_it_as_a_worker_does(dialect):
    assert trial({"sums.py": SPEAKS}, ["sums.py"], dialects=[dialect]) == {
        "sums.py": {"Sum": "sums.sum"}
    }
    with pytest.raises(Invalid, match="No module named 'numerals'"):
        trial({"sums.py": SPEAKS}, ["sums.py"])


def test_what_a_dialect_refuses_is_told_with_its_line(dialect):
    with pytest.raises(Invalid, match=r"sums.py, line 2: SyntaxError"):
        trial({"sums.py": "import numerals\nx = = 1\n"}, ["sums.py"], dialects=[dialect])
