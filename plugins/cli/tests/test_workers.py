"""`hansa worker`: what hangs, and what uses the processor, in workers of a running server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hansa_devkit.harness.api_server import RunningServer
from hansa_devkit.harness.waiting import wait_until

if TYPE_CHECKING:
    from plugins.cli.tests.conftest import CommandLine

SOURCE = """
import os, time
from hansa import Service

def wait_for_the_end_of_the_test(file):
    while os.path.exists(file):
        time.sleep(0.05)

def count_to_the_end_of_the_test(file):
    while os.path.exists(file):
        number = 3_000_000  # far longer than the interpreter lets a thread go on alone
        while number:
            number -= 1

class Hang(Service):
    name = "slow.hang"
    def handle(self):
        wait_for_the_end_of_the_test(self.request.input["file"])

class Busy(Service):
    name = "slow.busy"
    def handle(self):
        count_to_the_end_of_the_test(self.request.input["file"])
"""


@pytest.fixture
def slow(server: RunningServer, tmp_path: Path) -> Iterator[None]:
    """Two services that work until the test has ended."""
    server.deploy("slow.py", SOURCE)
    file = tmp_path / "goes on"
    file.touch()

    def call(name: str) -> None:
        server.api("admin.service.invoke", name=name, payload={"file": str(file)})

    threads = [threading.Thread(target=call, args=(f"slow.{name}",)) for name in ("hang", "busy")]
    for thread in threads:
        thread.start()
    yield
    file.unlink()
    for thread in threads:
        thread.join()


def test_what_threads_execute_and_what_uses_the_processor(
    cli: CommandLine, slow: None, tmp_path: Path
) -> None:
    def both_have_begun() -> bool:
        shown = cli.ok("worker", "threads")
        return all(f"{does}_the_end_of_the_test" in shown for does in ("wait_for", "count_to"))

    wait_until(both_have_begun)
    (name,) = cli.json("worker", "threads")["workers"]
    found = cli.json("worker", "threads", name)["workers"][name]
    assert found["pid"] > 0
    stacks = [" ".join(thread["stack"]) for thread in found["threads"]]
    assert sum("wait_for_the_end_of_the_test" in stack for stack in stacks) == 1
    assert any("slow.py" in stack and " handle " in stack for stack in stacks)

    folded = tmp_path / "stacks.txt"
    command = ["worker", "profile", "--seconds", "1", "--folded", str(folded)]
    (worker,) = cli.json(*command)["workers"].values()
    (busy, *_) = sorted(worker["functions"], key=lambda one: -one["own_ms"])
    assert busy["function"] == "count_to_the_end_of_the_test"
    assert busy["own_ms"] <= busy["total_ms"]
    # what waits uses nothing
    waiting = [one for one in worker["functions"] if one["function"].startswith("wait_for")]
    assert sum(one["own_ms"] for one in waiting) < busy["own_ms"] / 2
    assert "count_to_the_end_of_the_test (slow.py" in folded.read_text()
    assert "count_to_the_end_of_the_test" in cli.ok("worker", "profile", "--seconds", "0.5")


def test_a_worker_that_is_not_there_is_told(cli: CommandLine) -> None:
    for action in ("threads", "profile"):
        (found,) = cli.json("worker", action, "none/7")["workers"].values()
        assert "error" in found
    assert "none/7" in cli.ok("worker", "threads", "none/7")
    assert cli.run("worker", "profile", "--seconds", "61").exit_code == 2
