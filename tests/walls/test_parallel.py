"""How tests are shared among processes, see tests/parallel.py."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hansa_devkit.harness.waiting import wait_until

from tests.parallel import FROM_THE_END, Shared, begins_at_the_end, unit_of

KEPT = """
import time
from pathlib import Path
import pytest
HERE = Path(__file__).parent
@pytest.fixture(scope="session")
def kept():
    (HERE / "began").touch()
    yield
    (HERE / "ended").touch()
def test_it(kept):
    time.sleep(60)
"""


def test_what_a_unit_shares_is_started_once_and_ended_with_the_unit():
    told: list[str] = []

    @contextlib.contextmanager
    def thing(name: str) -> Iterator[str]:
        told.append(f"start {name}")
        yield name
        told.append(f"end {name}")

    shared = Shared()
    assert [shared.get("a", lambda: thing("a")) for _ in range(2)] == ["a", "a"]
    assert shared.get("b", lambda: thing("b")) == "b"
    shared.end()
    assert told == ["start a", "start b", "end b", "end a"]
    shared.end()
    assert shared.get("a", lambda: thing("a")) == "a", "the next unit has one of its own"
    assert told[4:] == ["start a"]


@pytest.mark.parametrize("jobs", [1, 2, 4, 8])
def test_most_processes_begin_with_what_takes_longest(jobs: int):
    from_the_end = [begins_at_the_end(f"gw{number}") for number in range(jobs)]
    assert from_the_end.count(True) == jobs // FROM_THE_END


def test_a_unit_is_a_file_unless_it_is_told_otherwise():
    assert unit_of("tests/core/test_cli.py::test_x[a::b]") == "tests/core/test_cli.py"
    assert unit_of("plugins/admin/tests/test_api.py::test_x") == "admin"
    alone = "plugins/queue/tests/test_server.py::test_x[a]"
    assert unit_of(alone) == alone


def test_a_run_that_is_asked_to_end_ends_what_it_has_started(tmp_path: Path):
    (tmp_path / "test_kept.py").write_text(KEPT)
    (tmp_path / "pytest.ini").touch()
    command = [sys.executable, "-m", "pytest", "-p", "conftest", "-p", "no:cacheprovider"]
    run = subprocess.Popen(
        [*command, str(tmp_path)], cwd=Path(__file__).parents[2], stdout=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: (tmp_path / "began").exists(), 60, "the test begins")
        run.terminate()
        assert run.wait(60) == pytest.ExitCode.INTERRUPTED
    finally:
        run.kill()
    assert (tmp_path / "ended").exists()
