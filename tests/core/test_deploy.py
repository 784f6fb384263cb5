"""Deployment: sources are tried where they can do no harm, and loaded so that versions stand side by side."""

from __future__ import annotations

import gc
import os
import sys
import textwrap
import time
import traceback
import typing
import weakref
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from hansa import Invalid, Request, load
from hansa.deploy import MAX_SOURCE, check_file, describe_error, load_source, trial, unload
from hansa.service import Binding

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


def refused(source: str, timeout: float = 20, file: str = "some_file.py") -> str:
    """What the trial says of a source that it does not take."""
    with pytest.raises(Invalid) as caught:
        trial(file, textwrap.dedent(source), timeout)
    assert set(caught.value.errors) == {"source"}
    return caught.value.errors["source"]


class TestTrial:
    def test_the_services_of_a_file(self):
        assert trial("my_service.py", GOOD) == {"GetRate": "my-service.get-rate", "Named": "my.name"}

    @pytest.mark.parametrize(
        ("source", "expected"),
        [
            ("x = 1\nx = = 2\n", "some_file.py, line 2: SyntaxError: invalid syntax"),
            ("def f():\nreturn", "some_file.py, line 2: IndentationError: expected an indented block"),
            ("\nimport not_there", "some_file.py, line 2: ModuleNotFoundError: No module named 'not_there'"),
            ("x = 1\nx.y", "some_file.py, line 2: AttributeError: 'int' object has no attribute 'y'"),
            ("def f():\n    1 / 0\nf()", "some_file.py, line 2: ZeroDivisionError: division by zero"),
            ("raise ValueError('one\\ntwo')", "some_file.py, line 1: ValueError: one"),
            ("import json\njson.loads('{')", "some_file.py, line 2: json.decoder.JSONDecodeError: Expecting property"),
            ("compile('(', 'other', 'exec')", "some_file.py, line 1: SyntaxError: '(' was never closed"),
            ("import sys\nsys.exit(0)", "some_file.py, line 2: SystemExit: 0"),
            ("x = '\0'", "source code string cannot contain null bytes"),
            ("raise ValueError('x' * 5_000_000)", "some_file.py, line 1: ValueError: xxx"),
            ("x = '\ud800'", "UnicodeEncodeError"),
            ("import os\nos._exit(0)", "some_file.py: the import ended its process (exit status 0)"),
            ("import os\nos.kill(os.getpid(), 9)", "some_file.py: the import ended its process (exit status -9)"),
            ("import ctypes\nctypes.string_at(0)", "some_file.py: the import ended its process (exit status -11)"),
            ("x = 1", "some_file.py: defines no service"),
            ("from hansa import Service", "defines no service"),
            (SERVICE + "class B(Service):\n    name = 'some-file.a'", "two classes have the service name some-file.a"),
            (SERVICE + "    name = 5", "some_file.py: the name of A is no text of"),
            (SERVICE + "    name = 'x' * 201", "some_file.py: the name of A is no text of 1 to 200 characters"),
        ],
    )
    def test_what_is_refused_and_why(self, source: str, expected: str):
        found = refused(source)
        assert expected in found
        assert len(found) < 2000
        assert "\n" not in found

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
        _gone, left = psutil.wait_procs([psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], timeout=5)
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
        assert trial("some_file.py", textwrap.dedent(source) + SERVICE)
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
        assert trial("some_file.py", textwrap.dedent(source) + SERVICE) == {"A": "some-file.a"}
        assert time.monotonic() - began < 20

    def test_the_secrets_of_the_server_are_not_in_its_environment(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("HANSA_ADMIN_PASSWORD", "hush")
        monkeypatch.setenv("OTHER", "there")
        source = "import os\nassert os.environ['OTHER'] and not [key for key in os.environ if key.startswith('HANSA_')]"
        assert trial("some_file.py", source + SERVICE)

    def test_reading_and_writing_standard_streams(self):
        assert trial("some_file.py", "import sys\nassert sys.stdin.read() == ''\nsys.stdout.close()" + SERVICE)

    def test_many_services(self):
        source = "from hansa import Service\n" + "".join(
            f"class Service{'x' * 50}{i}(Service): pass\n" for i in range(1500)
        )
        assert len(trial("some_file.py", source)) == 1500

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
        trial("some_file.py", SERVICE)
        assert not {name for name in set(sys.modules) - before[0] if "some_file" in name}
        assert len(os.listdir("/proc/self/fd")) <= len(before[1]) + 1


@pytest.mark.parametrize(
    "file",
    [
        "",
        ".py",
        "a",
        "a.txt",
        "../a.py",
        "/a.py",
        "a/b.py",
        "a b.py",
        "a.py\n",
        "é.py",
        "a.b.py",
        "x" * 101 + ".py",
        "\0.py",
    ],
)
def test_file_names_that_are_never_deployed(file: str):
    with pytest.raises(Invalid) as caught:
        check_file(file, "")
    assert list(caught.value.errors) == ["file"]


def test_sources_have_a_limit():
    check_file("a.py", "x" * MAX_SOURCE)
    with pytest.raises(Invalid):
        check_file("a.py", "é" * (MAX_SOURCE // 2 + 1))
    with pytest.raises(Invalid):
        check_file("a.py", "\ud800" * MAX_SOURCE)


@pytest.fixture
def loaded():
    """Load sources, forgotten at the end."""
    done: list[tuple[str, int]] = []

    def make(file: str, version: int, source: str) -> dict[str, type]:
        done.append((file, version))
        return load_source(file, version, source)

    yield make
    for file, version in done:
        unload(file, version)


class TestLoading:
    def test_versions_stand_side_by_side(self, loaded: Callable[..., dict[str, type]]):
        one, two = loaded("rates.py", 1, GOOD), loaded("rates.py", 2, GOOD.replace("VERSION = 1", "VERSION = 2"))
        for version, classes in ((1, one), (2, two)):
            assert {name: cls.get_name() for name, cls in classes.items()} == {
                "GetRate": "rates.get-rate",
                "Named": "my.name",
            }
            request = Request(payload={"number": 5})
            assert classes["GetRate"].compile(Binding("n", None))(request).payload == version
            assert type(request.input) is classes["GetRate"].Input
        assert one["GetRate"] is not two["GetRate"]

    def test_postponed_annotations_and_dataclasses_find_their_module(self, loaded: Callable[..., dict[str, type]]):
        source = GOOD + "\nimport dataclasses\n@dataclasses.dataclass\nclass D:\n    p: Pair\n"
        (cls, *_) = loaded("rates.py", 7, source).values()
        module = sys.modules["rates@7"]
        assert typing.get_type_hints(module.D) == {"p": module.Pair}
        with pytest.raises(Invalid, match=">= 1"):
            load(cls.Input, {"number": 0})

    def test_tracebacks_show_the_line(self, loaded: Callable[..., dict[str, type]]):
        classes = loaded("rates.py", 3, GOOD.replace("return VERSION", "return 1 / 0  # here"))
        with pytest.raises(ZeroDivisionError) as caught:
            classes["GetRate"].compile(Binding("n", None))(Request(payload={"number": 1}))
        assert "1 / 0  # here" in "".join(traceback.format_exception(caught.value))
        assert describe_error(caught.value, "rates.py") == "rates.py, line 12: ZeroDivisionError: division by zero"

    def test_nothing_is_left_of_a_source_that_fails(self):
        for source in ("1 / 0", "x = = 1", "raise SystemExit"):
            with pytest.raises(BaseException):  # noqa: B017
                load_source("broken.py", 1, source)
            assert "broken@1" not in sys.modules

    def test_a_version_that_was_unloaded_and_is_not_used_goes(self):
        classes = load_source("rates.py", 9, GOOD)
        classes["GetRate"].compile(Binding("n", None))(Request(payload={"number": 1}))
        gone = weakref.ref(classes["GetRate"]), weakref.ref(classes["GetRate"].Input)
        del classes
        unload("rates.py", 9)
        gc.collect()
        assert [ref() for ref in gone] == [None, None]
