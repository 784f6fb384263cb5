"""Deployment: sources are tried where they can do no harm, and loaded so that versions stand side
by side.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import textwrap
import time
import traceback
import typing
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import hansa
import psutil
import pytest
from hansa import Invalid, Request, Service
from hansa.contract.packages import files_of
from hansa.contract.service import Binding
from hansa.deployment.failures import describe_error
from hansa.deployment.loader import LoadedPackage, PackageLoader
from hansa.deployment.sources import MAX_FILES, MAX_SOURCE, importers, packages_of
from hansa.deployment.trial import trial
from hansa.foundation.errors import MissingModule
from hansa.foundation.starts import DeathLedger, Starts
from hansa_devkit import LocalServer
from hypothesis import given, strategies as st

GOOD = """
from __future__ import annotations
from typing import Annotated
from hansa import Model, Service, setting

class Pair(Model):
    number: Annotated[int, setting("A number", ge=1)]

class GetRate(Service):
    Input = Pair
    def handle(self):
        return VERSION

class Named(Service):
    name = "my.name"
    def handle(self):
        return self.request.input

class Base(Service):
    abstract = True

Alias = GetRate
VERSION = 1
"""
SERVICE = "\nfrom hansa import Service\nclass A(Service):\n    def handle(self): pass\n"


def attempt(file: str, source: str, timeout: float = 20) -> dict[str, str]:
    """The services that the trial finds in one file."""
    return trial({file: source}, [file], timeout)[file]


def refused(source: str, timeout: float = 20, file: str = "some_file.py") -> str:
    """What the trial says of a source that it does not take."""
    with pytest.raises(Invalid) as caught:
        attempt(file, textwrap.dedent(source), timeout)
    assert set(caught.value.errors) == {"source"}
    return caught.value.errors["source"]


class TestTrial:
    def test_the_services_of_a_file(self):
        assert attempt("my_service.py", GOOD) == {
            "GetRate": "my-service.get-rate",
            "Named": "my.name",
        }

    @pytest.mark.parametrize(
        ("source", "expected"),
        [
            ("x = 1\nx = = 2\n", "some_file.py, line 2: SyntaxError: invalid syntax"),
            (
                "def f():\nreturn",
                "some_file.py, line 2: IndentationError: expected an indented block",
            ),
            (
                "\nimport not_there",
                "some_file.py, line 2: ModuleNotFoundError: No module named 'not_there'",
            ),
            (
                "x = 1\nx.y",
                "some_file.py, line 2: AttributeError: 'int' object has no attribute 'y'",
            ),
            (
                "def f():\n    1 / 0\nf()",
                "some_file.py, line 2: ZeroDivisionError: division by zero",
            ),
            ("raise ValueError('one\\ntwo')", "some_file.py, line 1: ValueError: one"),
            (
                "import json\njson.loads('{')",
                "some_file.py, line 2: json.decoder.JSONDecodeError: Expecting property",
            ),
            (
                "compile('(', 'other', 'exec')",
                "some_file.py, line 1: SyntaxError: '(' was never closed",
            ),
            ("import sys\nsys.exit(0)", "some_file.py, line 2: SystemExit: 0"),
            ("x = '\0'", "source code string cannot contain null bytes"),
            ("raise ValueError('x' * 5_000_000)", "some_file.py, line 1: ValueError: xxx"),
            ("x = '\ud800'", "UnicodeEncodeError"),
            (
                "import os\nos._exit(0)",
                "some_file.py: the import ended its process (exit status 0)",
            ),
            (
                "import os\nos.kill(os.getpid(), 9)",
                "some_file.py: the import ended its process (exit status -9)",
            ),
            (
                "import ctypes\nctypes.string_at(0)",
                "some_file.py: the import ended its process (exit status -11)",
            ),
            (
                SERVICE + "class B(Service):\n    name = 'some-file.a'",
                "two classes have the service name some-file.a",
            ),
            (SERVICE + "    name = 5", "some_file.py: the name of A is no text of"),
            (
                SERVICE + "    name = 'x' * 201",
                "some_file.py: the name of A is no text of 1 to 200 characters",
            ),
        ],
    )
    def test_what_is_refused_and_why(self, source: str, expected: str):
        found = refused(source)
        assert expected in found
        assert len(found) < 2000
        assert "\n" not in found

    def test_an_import_may_use_only_so_much_memory(self):
        found = refused("""
            import mmap
            kept = bytearray(3 * 2**30)
        """)
        assert "line 3: the import needs more memory than [server] trial_memory allows" in found
        assert trial({"a.py": SERVICE}, ["a.py"], memory=64)

    def test_an_endless_import_is_ended_with_all_it_started(self, tmp_path: Path):
        told = tmp_path / "pids"
        source = f"""
            import os, subprocess, sys, time
            child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"])
            open({str(told)!r}, "w").write(f"{{os.getpid()}} {{child.pid}}")
            while True: time.sleep(1)
        """
        began = time.monotonic()
        assert "the import took longer than 2 s" in refused(source, timeout=2)
        assert time.monotonic() - began < 10
        pids = [int(pid) for pid in told.read_text().split()]
        _gone, left = psutil.wait_procs(
            [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], timeout=5
        )
        assert len(pids) == 2
        assert not left

    def test_a_child_that_broke_away_holds_nobody_up(self, tmp_path: Path):
        told = tmp_path / "pid"
        source = f"""
            import os, time
            if os.fork() == 0:
                os.setsid()
                open({str(told)!r}, "w").write(str(os.getpid()))
                time.sleep(60)
            while not os.path.exists({str(told)!r}): time.sleep(0.01)
        """
        began = time.monotonic()
        assert attempt("some_file.py", textwrap.dedent(source) + SERVICE)
        assert time.monotonic() - began < 20
        os.kill(int(told.read_text()), 9)

    def test_much_output_threads_and_exit_handlers_are_of_no_interest(self):
        source = """
            import atexit, sys, threading, time
            print("x" * 10_000_000); print("x" * 10_000_000, file=sys.stderr)
            threading.Thread(target=time.sleep, args=(60,)).start()
            atexit.register(time.sleep, 60)
        """
        began = time.monotonic()
        assert attempt("some_file.py", textwrap.dedent(source) + SERVICE) == {"A": "some-file.a"}
        assert time.monotonic() - began < 20

    def test_the_secrets_of_the_server_are_not_in_its_environment(
        self, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setenv("HANSA_ADMIN_PASSWORD", "hush")
        monkeypatch.setenv("OTHER", "there")
        source = (
            "import os\n"
            "assert os.environ['OTHER']\n"
            "assert not [key for key in os.environ if key.startswith('HANSA_')]"
        )
        assert attempt("some_file.py", source + SERVICE)

    def test_reading_and_writing_standard_streams(self):
        assert attempt(
            "some_file.py",
            "import sys\nassert sys.stdin.read() == ''\nsys.stdout.close()" + SERVICE,
        )

    def test_many_services(self):
        source = "from hansa import Service\n" + "".join(
            f"class Service{'x' * 50}{i}(Service): pass\n" for i in range(1500)
        )
        assert len(attempt("some_file.py", source)) == 1500

    @pytest.mark.parametrize(
        ("source", "missing"),
        [
            ("import not_there", True),
            ("from json import not_there", True),
            ("def f():\n    import not_there\nf()", True),
            ("raise ValueError('ImportError')", False),
            ("x = = 1  # ImportError", False),
        ],
    )
    def test_what_is_missing_is_told_by_the_code_of_the_error(self, source: str, missing: bool):
        with pytest.raises(Invalid) as caught:
            attempt("some_file.py", source)
        assert isinstance(caught.value, MissingModule) == missing
        assert (caught.value.code == "missing-module") == missing

    @pytest.mark.parametrize("forged", ["5", "[]", '{"services": 5}', "x"])
    def test_a_forged_report_is_a_fault(self, forged: str):
        source = f"""
            import os
            for number in range(3, 64):
                try: os.write(number, {forged.encode()!r})
                except OSError: pass
            os._exit(0)
        """
        assert "ended its process" in refused(source)

    def test_this_process_is_not_touched(self):
        before = set(sys.modules), set(os.listdir("/proc/self/fd"))
        refused("import sys\nsys.modules['json'] = None\nx = = 1")
        attempt("some_file.py", SERVICE)
        assert not {name for name in set(sys.modules) - before[0] if "some_file" in name}
        assert len(os.listdir("/proc/self/fd")) <= len(before[1]) + 1


def fault(files: dict[str, str]) -> str:
    """Why these files are not deployed."""
    with pytest.raises(Invalid) as caught:
        packages_of(files)
    assert list(caught.value.errors) == ["file"]
    return caught.value.errors["file"]


class TestPackages:
    @pytest.mark.parametrize(
        "file",
        [
            "",
            ".py",
            "a",
            "a.txt",
            "../a.py",
            "/a.py",
            "a b.py",
            "a.py\n",
            "é.py",
            "a.b.py",
            "x" * 101 + ".py",
            "\0.py",
            "a/../b.py",
            "a//b.py",
            "a\\b.py",
            "./a.py",
            "a/.py",
            "a/b/c.txt",
            "a/" * 11 + "b.py",
            "C:/a.py",
        ],
    )
    def test_paths_that_are_never_deployed(self, file: str):
        folders = {f"{folder}/__init__.py": "" for folder in ("a", "a/b", ".", "..", "C:")}
        assert "must be letters" in fault({**folders, file: ""})

    @pytest.mark.parametrize(
        "package",
        [
            "json.py",
            "json/__init__.py",
            "_thread.py",
            "xml/__init__.py",
            "msgspec.py",
            "sqlalchemy/__init__.py",
            "hansa.py",
            "hansa/__init__.py",
            "hansa_new.py",
            "__main__.py",
            "pytest.py",
        ],
    )
    def test_names_of_python_hansa_and_installed_packages_are_refused(self, package: str):
        name = package.partition("/")[0].removesuffix(".py")
        assert (
            f"{name} is the name of a module of Python, of Hansa or of an installed package"
            in fault({package: ""})
        )

    def test_files_by_package(self):
        files = {"b/__init__.py": "", "b/c/__init__.py": "1", "b/c/d.py": "'é'", "a.py": "x"}
        found = packages_of(files)
        assert list(found) == ["a.py", "b/"]
        assert {
            path: text
            for each, source in found.items()
            for path, text in files_of(each, source).items()
        } == files
        assert packages_of(dict(reversed(files.items()))) == found

    @pytest.mark.parametrize("name", ["my-service.py", "My Service.v2.py", "2-b.py", "_a.py"])
    def test_names_of_files_that_are_none_in_python(self, name: str):
        assert list(packages_of({name: "x"})) == [name]

    @pytest.mark.parametrize(
        "name", ["-a.py", ".a.py", " a.py", "é.py", "a\n.py", "a-b/c.py", "a/b-c.py"]
    )
    def test_names_that_are_refused(self, name: str):
        files = {name: "", "a/__init__.py": "", "a-b/__init__.py": ""}
        assert f"{name!r} must" in fault(files)

    def test_a_folder_without_init_is_refused(self):
        assert "'b/c/d.py' must be" in fault({"b/__init__.py": "", "b/c/d.py": ""})

    def test_a_file_and_a_folder_of_one_name(self):
        assert "b.py and b/ have the same name" in fault({"b/__init__.py": "", "b.py": ""})
        assert "a b.py and a-b.py and a_b.py have the same name for who imports them, a_b" in fault(
            {"a-b.py": "", "a_b.py": "", "a b.py": ""}
        )

    def test_all_faults_at_once_and_not_too_long(self):
        found = fault({f"-{number}.py": "" for number in range(10_000)})
        assert "'-0.py' must be" in found
        assert len(found) <= 2000
        assert "json is the name" in (found := fault({"../a.py": "", "json.py": ""}))
        assert "'../a.py' must be" in found

    def test_sizes_and_numbers_have_a_limit(self):
        packages_of({"a.py": "x" * (MAX_SOURCE - 1), "b.py": "x"})
        assert "are over" in fault({"a.py": "x" * MAX_SOURCE, "b.py": "x"})
        assert "are over" in fault({"a.py": "é" * (MAX_SOURCE // 2 + 1)})
        assert "are over" in fault({"a.py": "\ud800" * MAX_SOURCE})
        assert "are over" in fault({f"a{number}.py": "" for number in range(MAX_FILES + 1)})


USES = (
    "from hansa import Service\n"
    "import helpers\n"
    "class A(Service):\n"
    "    def handle(self):\n"
    "        return helpers.f()\n"
)


class TestTrialOfSeveral:
    """What a change means for those that import it."""

    SOURCES: ClassVar = {"uses.py": USES, "helpers.py": "def f(): return 1\n", "other.py": SERVICE}

    def tried(self, *names: str, **changed: str) -> dict[str, dict[str, str]]:
        return trial(
            {**self.SOURCES, **{f"{name}.py": text for name, text in changed.items()}},
            [f"{n}.py" for n in names],
        )

    def refused(self, *names: str, **changed: str) -> str:
        with pytest.raises(Invalid) as caught:
            self.tried(*names, **changed)
        return caught.value.errors["source"]

    def test_those_that_import_what_changes_are_tried_and_others_not(self):
        assert self.tried("helpers") == {"helpers.py": {}, "uses.py": {"A": "uses.a"}}
        assert self.tried("other") == {"other.py": {"A": "other.a"}}
        assert self.tried("other", uses="1 / 0") == {"other.py": {"A": "other.a"}}

    def test_through_others_too(self):
        assert self.tried("base", helpers="from base import f", base="def f(): pass").keys() == {
            "base.py",
            "helpers.py",
            "uses.py",
        }

    def test_the_error_names_the_file_that_imports_and_its_line(self):
        found = self.refused(
            "helpers", helpers="def g(): pass", uses="x = 1\nfrom helpers import f\n"
        )
        assert (
            found
            == "uses.py, line 2: ImportError: cannot import name 'f' from 'helpers' (helpers.py)"
        )
        found = self.refused(
            "helpers", helpers="\ndef f(): return 1 / 0\n", uses="import helpers\n\nX = helpers.f()"
        )
        assert (
            found
            == "helpers.py, line 2: ZeroDivisionError: division by zero (from uses.py, line 3)"
        )

    def test_one_cause_is_told_once_and_several_all(self):
        assert (
            self.refused("helpers", helpers="f = = 1")
            == "helpers.py, line 1: SyntaxError: invalid syntax"
        )
        found = self.refused("helpers", "other", helpers="1 / 0", other="x.y")
        assert found == (
            "helpers.py, line 1: ZeroDivisionError: division by zero; "
            "other.py, line 1: NameError: name 'x' is not defined"
        )

    def test_a_name_given_by_a_helper_is_told_anew(self):
        source = "from hansa import Service\nfrom helpers import NAME\nclass A(Service):\n    name = NAME\n"
        assert self.tried("helpers", helpers="NAME = 'n'", uses=source)["uses.py"] == {"A": "n"}

    def test_a_folder_with_services(self):
        files = {
            "shop/__init__.py": "from .orders import New",
            "shop/orders.py": SERVICE + "class New(Service): pass",
        }
        found = trial(packages_of({**files, "shop/deep/__init__.py": SERVICE}), ["shop/"])
        assert found == {
            "shop/": {
                "orders.A": "shop.orders.a",
                "orders.New": "shop.orders.new",
                "deep.A": "shop.deep.a",
            }
        }


NAMES = st.sampled_from("abcdef")
GRAPHS = st.dictionaries(NAMES, st.sets(NAMES), max_size=6)


@given(GRAPHS, st.sets(NAMES, max_size=3))
def test_who_imports_what_is_found_in_any_graph_of_imports(
    graph: dict[str, set[str]], names: set[str]
):
    sources = {
        f"{user}.py": "".join(
            f"def f():\n  import {used}.deep as x, sys\n" for used in sorted(graph[user])
        )
        for user in graph
    }
    expected: set[str] = set()
    for _ in graph:
        expected |= {user for user, used in graph.items() if used & (names | expected)}
    assert importers(sources, names) == {f"{user}.py" for user in expected}


@pytest.mark.parametrize(
    "source",
    [
        "import helpers",
        "import os, helpers as h",
        "import helpers.deep",
        "from helpers import *",
        "from helpers.deep import x",
        "def f():\n  try:\n    from helpers import (\n      x)\n  except ImportError: pass",
    ],
)
def test_every_way_to_import(source: str):
    assert importers({"x.py": source}, ["helpers"]) == {"x.py"}
    assert importers({"x/": json.dumps({"x/__init__.py": "", "x/y.py": source})}, ["helpers"]) == {
        "x/"
    }


@pytest.mark.parametrize(
    "source",
    [
        "import helpers2",
        "from .helpers import x",
        "from x import helpers",
        "# import helpers",
        "import = helpers",
    ],
)
def test_what_is_no_import(source: str):
    assert importers({"x.py": source}, ["helpers"]) == set()


@pytest.fixture
def loader() -> Iterator[PackageLoader]:
    """The packages of a process, of which nothing is left at the end."""
    made = PackageLoader()
    yield made
    made.close()
    assert not [name for name in sys.modules if "@" in name]


@pytest.fixture
def run(loader: PackageLoader) -> Callable[..., list[LoadedPackage]]:
    """Load packages of a version."""

    def make(version: int, files: dict[str, str]) -> list[LoadedPackage]:
        new = [loader.make(file, version, text) for file, text in packages_of(files).items()]
        for error in loader.load(new).values():
            raise error
        return new

    return make


@pytest.fixture
def loaded(
    run: Callable[..., list[LoadedPackage]],
) -> Callable[..., dict[str, type[Service]]]:
    """Load one file and give its service classes."""
    return lambda file, version, source: run(version, {file: source})[0].services


class TestLoading:
    def test_versions_stand_side_by_side(self, loaded: Callable[..., dict[str, type[Service]]]):
        one, two = (
            loaded("rates.py", 1, GOOD),
            loaded("rates.py", 2, GOOD.replace("VERSION = 1", "VERSION = 2")),
        )
        for version, classes in ((1, one), (2, two)):
            assert {name: cls.get_name() for name, cls in classes.items()} == {
                "GetRate": "rates.get-rate",
                "Named": "my.name",
            }
            request = Request(payload={"number": 5})
            assert (
                classes["GetRate"].compile(Binding("n", LocalServer()))(request).payload == version
            )
            assert type(request.input) is classes["GetRate"].Input
        assert one["GetRate"] is not two["GetRate"]

    def test_postponed_annotations_and_dataclasses_find_their_module(
        self, loaded: Callable[..., dict[str, type[Service]]]
    ):
        source = GOOD + "\nimport dataclasses\n@dataclasses.dataclass\nclass D:\n    p: Pair\n"
        (cls, *_) = loaded("rates.py", 7, source).values()
        module = sys.modules["rates@7"]
        assert typing.get_type_hints(module.D) == {"p": module.Pair}
        with pytest.raises(Invalid, match=">= 1"):
            hansa.load(cls.Input, {"number": 0})

    def test_tracebacks_show_the_line(self, loaded: Callable[..., dict[str, type[Service]]]):
        classes = loaded("rates.py", 3, GOOD.replace("return VERSION", "return 1 / 0  # here"))
        with pytest.raises(ZeroDivisionError) as caught:
            classes["GetRate"].compile(Binding("n", LocalServer()))(Request(payload={"number": 1}))
        assert "1 / 0  # here" in "".join(traceback.format_exception(caught.value))
        assert (
            describe_error(caught.value, "rates.py")
            == "rates.py, line 12: ZeroDivisionError: division by zero"
        )

    def test_errors_come_through(self, run: Callable[..., list[LoadedPackage]]):
        for source in ("1 / 0", "x = = 1", "raise SystemExit"):
            with pytest.raises((ZeroDivisionError, SyntaxError, SystemExit)):
                run(1, {"broken.py": source})
            assert "broken@1" not in sys.modules

    def test_a_version_that_was_unloaded_and_is_not_used_goes(self, loader: PackageLoader):
        each = loader.make("rates.py", 9, GOOD)
        each.run()
        classes = each.services
        classes["GetRate"].compile(Binding("n", LocalServer()))(Request(payload={"number": 1}))
        gone = weakref.ref(classes["GetRate"]), weakref.ref(classes["GetRate"].Input)
        each.unload()
        del classes, each
        gc.collect()
        assert [ref() for ref in gone] == [None, None]

    def test_versions_that_were_replaced_go(self, loader: PackageLoader):
        """Whatever is loaded holds what it imports, and nothing that was loaded beside it."""
        gone: list[weakref.ref[type]] = []
        for version in range(1, 8):
            # each time another one of the two that share a helper stays what it was
            changed = (
                {"one.py": "import helpers\nclass X: pass"}
                if version % 2
                else {"two.py": "import helpers\nclass X: pass"}
            )
            changed |= {"helpers.py": "class X: pass"} if version == 1 else {}
            before = loader.loaded
            new = [loader.make(file, version, source) for file, source in changed.items()]
            assert loader.load(new) == {}
            gone += [weakref.ref(sys.modules[f"{each.name}@{version}"].X) for each in new]
            for each in new:
                if each.name in before:
                    before[each.name].unload()
        del before, new, each
        gc.collect()
        alive = [ref().__module__ for ref in gone if ref() is not None]
        assert sorted(alive) == ["helpers@1", "one@7", "two@6"]


class TestModules:
    """Deployed modules that import each other."""

    def test_all_ways_to_import(self, run: Callable[..., list[LoadedPackage]]):
        (uses,) = [
            each
            for each in run(
                1,
                {
                    "rates/__init__.py": (
                        "from . import tables\nfrom .tables import X as Y\n__all__ = ['late']"
                    ),
                    "rates/tables.py": "import rates\nX = 1\nclass T: pass\n",
                    "rates/late.py": "from .tables import X",
                    "helpers.py": "import json, uses\ny = 5",
                    "uses.py": "import os.path, helpers, rates.tables as t\n"
                    "from rates import *\n"
                    "import rates.tables\n"
                    "from hansa import Service\n"
                    "class A(Service):\n"
                    "    def handle(self):\n"
                    "        import rates\n"
                    "        from rates.late import X\n"
                    "        return rates.tables.X, t.X, late.X, X, helpers.y, rates.Y\n",
                },
            )
            if each.name == "uses"
        ]
        assert uses.services["A"]().handle() == (1, 1, 1, 1, 5, 1)
        assert uses.uses is not None
        assert sorted(uses.uses) == ["helpers", "rates"]
        assert sys.modules["rates@1.tables"].T.__module__ == "rates@1.tables"

    def test_old_code_keeps_what_it_imported_also_inside_functions(
        self, run: Callable[..., list[LoadedPackage]], loader: PackageLoader
    ):
        lazy = USES.replace("import helpers\n", "").replace(
            "        return", "        import helpers\n        return"
        )
        for source in (USES, lazy):
            old = run(1, {"helpers.py": "def f(): return 1", "uses.py": source})[1]
            new = run(2, {"helpers.py": "def f(): return 2", "uses.py": source})[1]
            assert (old.services["A"]().handle(), new.services["A"]().handle()) == (1, 2)
            again = loader.make("uses.py", 2, source)
            assert loader.load([again]) == {}
            assert again.services["A"].__module__ not in ("uses@1", "uses@2")
            assert again.services["A"]().handle() == 2
            again.unload()

    def test_deployed_names_are_for_deployed_code_alone(
        self, run: Callable[..., list[LoadedPackage]]
    ):
        run(1, {"helpers.py": "x = 1", "uses.py": "import helpers"})
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module("helpers")
        with pytest.raises(ModuleNotFoundError, match="deployed_nowhere"):
            run(2, {"uses.py": "import deployed_nowhere"})

    def test_a_circle(self, run: Callable[..., list[LoadedPackage]]):
        one, two = run(
            1,
            {
                "one.py": "import two\ndef f(): return two.x",
                "two.py": "import one\nx = 1\ndef y(): return one.f()",
            },
        )
        assert (one.uses, two.uses) == ({"two": two}, {"one": one})
        assert sys.modules["two@1"].y() == 1

    def test_what_is_missing_in_a_package(self, run: Callable[..., list[LoadedPackage]]):
        with pytest.raises(ModuleNotFoundError) as caught:
            run(1, {"rates/__init__.py": "", "uses.py": "import rates.no"})
        assert (
            describe_error(caught.value, "uses.py")
            == "uses.py, line 1: ModuleNotFoundError: No module named 'rates.no'"
        )
        with pytest.raises(ImportError, match=r"beyond top-level|no known parent"):
            run(2, {"rates/__init__.py": "from .. import x"})

    def test_modules_that_may_be_missing(self, run: Callable[..., list[LoadedPackage]]):
        source = "try:\n    import helpers\nexcept ImportError:\n    helpers = None\n"
        run(1, {"uses.py": source})
        assert sys.modules["uses@1"].helpers is None
        run(2, {"uses.py": source, "helpers.py": ""})
        assert sys.modules["uses@2"].helpers is sys.modules["helpers@2"]

    def test_tracebacks_show_lines_of_helpers(self, run: Callable[..., list[LoadedPackage]]):
        uses = run(
            1,
            {
                "deep/__init__.py": "",
                "deep/helpers.py": "def f():\n    1 / 0  # there\n",
                "uses.py": USES.replace("import helpers", "from deep import helpers"),
            },
        )[1]
        with pytest.raises(ZeroDivisionError) as caught:
            uses.services["A"]().handle()
        assert "1 / 0  # there" in "".join(traceback.format_exception(caught.value))
        assert 'File "deep/helpers.py@1", line 2' in "".join(
            traceback.format_exception(caught.value)
        )


def test_a_package_whose_import_hangs_in_workers_is_left_out(tmp_path: Path):
    ledger = DeathLedger(tmp_path)
    tmp_path.joinpath("9.journal").write_text(
        "+package x.py version 1\n?package x.py version 1\tin x"
    )
    assert ledger.bury(9, "") == ["package x.py version 1"]
    loader = PackageLoader(Starts(tmp_path))
    try:
        (hung, other) = (loader.make(file, 1, "") for file in ("x.py", "y.py"))
        errors = loader.load([hung, other])
        assert list(errors) == ["x.py"] and "its start hung (in x)" in str(errors["x.py"])
        assert loader.load([loader.make("x.py", 2, "")]) == {}
    finally:
        loader.close()
