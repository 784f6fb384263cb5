"""Workers are forks of a template, each a child of the supervisor; what is wrong with a template
keeps none from being started.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from hansa.foundation.processes import own_children
from hansa.process import spawning as module
from hansa.process.children import Ledger
from hansa.process.restart import RestartSchedule
from hansa.process.spawning import SpawnedWorker, Spawner
from hansa.process.template import Template, spawn_template

THREAD = (
    "import threading, time\n"
    "threading.Thread(target=time.sleep, args=(60,), name='mine', daemon=True).start()"
)

DIES = """
import os
from hansa.process.forking import Template
answer = Template._answer
def answer_or_die(self, told):
    if "pid" in told:
        os.kill(os.getpid(), 9)
    answer(self, told)
Template._answer = answer_or_die
"""


class Kept(Ledger):
    """The children that run."""

    def __init__(self) -> None:
        self.pids: set[int] = set()

    def add(self, pid: int) -> None:
        self.pids.add(pid)

    def remove(self, pid: int) -> None:
        self.pids.discard(pid)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Template]:
    """The templates that were made."""
    found: list[Template] = []

    def note() -> Template:
        found.append(spawn_template())
        return found[-1]

    monkeypatch.setattr(module, "spawn_template", note)
    return found


@pytest.fixture
def ledger() -> Kept:
    return Kept()


@pytest.fixture
def spawner(ledger: Kept, made: list[Template], tmp_path: Path, until: Any) -> Iterator[Spawner]:
    """One whose templates find the modules of a folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(tmp_path))
        found = Spawner(ledger, RestartSchedule())
        found.begin()
        assert found.settled(60)
        yield found
        found.stop()
        until(lambda: all(template.child.poll() is not None for template in made))


@contextlib.contextmanager
def worker(spawner: Spawner) -> Iterator[SpawnedWorker]:
    """A worker that has no job."""
    spawned = spawner.spawn()
    try:
        yield spawned
    finally:
        spawned.control.close()
        spawned.child.kill()


def is_forked(spawned: SpawnedWorker) -> bool:
    """Whether a worker shows the command of a template, and not of an interpreter of its own."""
    command = " ".join(psutil.Process(spawned.child.pid).cmdline())
    assert ("hansa.process.forking" in command) != ("hansa.process.worker" in command)
    return "hansa.process.forking" in command


def ended(spawned: SpawnedWorker, until: Any) -> int | None:
    """The status of a worker that ends."""
    until(lambda: spawned.child.poll() is not None)
    return spawned.child.poll()


def name_of(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()


def test_workers_are_children_of_this_process(spawner: Spawner, until: Any):
    with worker(spawner) as one, worker(spawner) as other:
        for pid in (one.child.pid, other.child.pid):
            assert psutil.Process(pid).ppid() == os.getpid()
            until(lambda pid=pid: (name_of(pid), os.getsid(pid)) == ("hansa-worker", pid))
        assert is_forked(one) and one.child.poll() is None
        os.kill(one.child.pid, signal.SIGSEGV)
        assert ended(one, until) == -signal.SIGSEGV
        other.child.terminate()
        assert ended(other, until) == -signal.SIGTERM
        other.child.terminate()  # nobody is hit


def test_one_whose_pipe_is_closed_ends(spawner: Spawner, until: Any):
    with worker(spawner) as spawned:
        spawned.control.close()
        assert ended(spawned, until) == 0


def test_a_killed_template_is_made_again_and_workers_are_started_meanwhile(
    spawner: Spawner, made: list[Template], ledger: Kept, until: Any, caplog: Any
):
    spawner.import_modules(["json"])
    assert spawner.settled(60)
    os.kill(made[0].child.pid, signal.SIGKILL)
    until(lambda: made[0].child.poll() is not None)
    with worker(spawner) as spawned:
        assert not is_forked(spawned)
    spawner.watch()
    spawner.watch()
    assert len(made) == 2
    assert [record.getMessage() for record in caplog.records] == [
        "the template of workers was ended by SIGKILL, starting another in 0 s"
    ]
    assert spawner.settled(60)
    spawner.import_modules(["json"])
    assert made[1].imported == ["json"]
    assert spawner.settled(60)
    with worker(spawner) as spawned:
        assert is_forked(spawned)

    def is_forgotten() -> bool:
        spawner.watch()
        return ledger.pids == {made[1].child.pid}

    until(is_forgotten)


def test_one_that_does_not_answer_is_given_up(spawner: Spawner, made: list[Template], until: Any):
    os.kill(made[0].child.pid, signal.SIGSTOP)
    began = time.monotonic()
    with worker(spawner) as spawned:
        assert time.monotonic() - began < 10, "a supervisor does nothing else meanwhile"
        assert not is_forked(spawned)
    assert made[0].fault == "did not do in time what it was asked for"
    until(lambda: made[0].child.poll() == -signal.SIGKILL)


def test_one_that_is_killed_before_it_tells_of_a_worker_leaves_none(
    spawner: Spawner, made: list[Template], tmp_path: Path, until: Any
):
    (tmp_path / "dies.py").write_text(DIES)
    spawner.import_modules(["dies"])
    assert spawner.settled(60) and not made[0].fault
    before = own_children() - {made[0].child.pid}

    def is_alone(spawned: SpawnedWorker) -> bool:
        spawner.watch()
        templates = {template.child.pid for template in made}
        return own_children() - before - templates == {spawned.child.pid}

    with worker(spawner) as spawned:
        assert made[0].fault == "was ended by SIGKILL"
        assert made[0].adopted, "it had forked a worker"
        assert not is_forked(spawned)
        until(lambda: is_alone(spawned))
        assert spawned.child.poll() is None


def test_one_that_hangs_in_an_import_is_given_up(
    spawner: Spawner, made: list[Template], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setattr("hansa.process.template.IMPORT_LIMIT", 0.2)
    (tmp_path / "odd.py").write_text("import time; time.sleep(60)")
    spawner.import_modules(["odd"])
    assert not spawner.settled()
    while not spawner.settled(0.1):
        """It is over the limit in a moment."""
    assert made[0].fault == "did not do in time what it was asked for"


def test_one_that_imports_for_long_is_not_waited_for(
    spawner: Spawner,
    made: list[Template],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    until: Any,
):
    monkeypatch.setattr("hansa.process.template.PATIENCE", 0.2)
    going = tmp_path / "going"
    (tmp_path / "slow.py").write_text(
        f"import os, time\nwhile not os.path.exists({str(going)!r}): time.sleep(0.01)"
    )
    spawner.import_modules(["slow"])
    assert not spawner.settled()
    until(spawner.settled)
    with worker(spawner) as spawned:
        assert not is_forked(spawned)
    going.touch()
    until(lambda: made[0].settled(0.1))
    with worker(spawner) as spawned:
        assert is_forked(spawned)
    assert not made[0].fault


def test_modules_are_imported_with_the_environment_of_workers(
    spawner: Spawner, made: list[Template], tmp_path: Path
):
    (tmp_path / "asks.py").write_text("import os; os.environ['HANSA_LISTEN_TEST']")
    spawner.environment = {"HANSA_LISTEN_TEST": "http://127.0.0.1:1"}
    spawner.import_modules(["asks"])
    assert spawner.settled(60)
    assert not made[0].fault


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (THREAD, "odd begins threads when it is imported (mine)"),
        ("file = open('/dev/null')", "odd opens files when it is imported"),
        ("raise ValueError('no')", "odd cannot be imported: ValueError: no"),
        ("import os; os._exit(3)", "ended with status 3"),
        ("import os; os.kill(os.getpid(), 9)", "was ended by SIGKILL"),
    ],
)
def test_what_is_not_for_a_template_is_imported_by_each_worker(
    spawner: Spawner, made: list[Template], tmp_path: Path, source: str, why: str, until: Any
):
    (tmp_path / "odd.py").write_text(source)
    spawner.import_modules(["json", "odd"])
    until(lambda: spawner.settled() and made[0].fault)
    until(lambda: made[0].child.poll() is not None)
    assert made[0].fault == why
    spawner.watch()
    assert spawner.settled(60)
    spawner.import_modules(["json", "odd"])
    assert not made[1].imported, "it is not tried again"
    with worker(spawner) as spawned:
        assert is_forked(spawned)
    spawner.renew()
    assert spawner.settled(60)
    spawner.import_modules(["json"])
    assert made[2].imported == ["json"], "it may be another by now"


def test_without_a_template_workers_are_started(
    spawner: Spawner, made: list[Template], monkeypatch: pytest.MonkeyPatch
):
    def none() -> Template:
        raise OSError(11, "no more processes")

    monkeypatch.setattr(module, "spawn_template", none)
    spawner.renew()
    assert spawner.settled()
    with worker(spawner) as spawned:
        assert not is_forked(spawned)
    spawner.go_back()
    with worker(spawner) as spawned:
        assert is_forked(spawned)
    assert len(made) == 1


def test_new_code_is_imported_by_another_template_until_which_serves_is_known(
    spawner: Spawner, made: list[Template], until: Any
):
    spawner.renew()
    assert spawner.settled(60)
    spawner.go_back()
    until(lambda: made[1].child.poll() == -signal.SIGKILL)
    assert made[0].child.poll() is None
    spawner.renew()
    spawner.drop_former()
    until(lambda: made[0].child.poll() == -signal.SIGKILL)
    assert spawner.settled(60) and made[2].child.poll() is None
