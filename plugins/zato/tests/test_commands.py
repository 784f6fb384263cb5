"""`self.commands`: programs run with limits, and only where the configuration says so."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hansa import Forbidden, ResultTooLarge, Unavailable
from hansa_devkit.harness.waiting import wait_until
from hansa_zato.dialect import commands as module
from hansa_zato.dialect.commands import CommandResult, Commands
from hansa_zato.section import ZatoSection
from zato.server.service import Service

from plugins.zato.tests.facade import Facade


class Learns(Service):
    """Gets results."""

    name = "programs.learns"
    seen: list[Any] = []

    def handle(self) -> None:
        Learns.seen.append(self.request.payload)


@pytest.fixture
def shell(server: Facade) -> Facade:
    server._section = ZatoSection(commands="shell", commands_output=100_000)
    server.add(Learns)
    Learns.seen.clear()
    return server


def commands(server: Facade) -> Commands:
    return Commands(server.as_server)


def gone(file: Path) -> bool:
    """Whether the process has ended whose number a file has."""
    try:
        os.kill(int(file.read_text()), 0)
    except ProcessLookupError:
        return True
    # one that has ended, and nobody has waited for
    return "zombie" in Path(f"/proc/{file.read_text().strip()}/status").read_text()


def test_a_service_runs_a_command_of_a_shell(shell: Facade) -> None:
    found: list[CommandResult] = []
    command = "cd / && pwd && cat && echo oops >&2 && exit 3"

    def handle(self: Any) -> None:
        found.append(self.commands.invoke(command, stdin="grüße"))

    assert shell.call(type("Runs", (Service,), {"handle": handle}), b"{}").ok
    [done] = found
    assert (done.stdout, done.stderr, done.exit_code) == ("/\ngrüße", "oops\n", 3)
    assert (done.is_ok, done.is_timeout, done.is_async) == (False, False, False)
    assert (done.len_stdout_bytes, done.len_stderr_bytes) == (9, 5)
    assert done.start_time and done.end_time and done.end_time >= done.start_time
    assert commands(shell).invoke("true").is_ok


def test_nothing_runs_unless_it_is_configured(server: Facade, tmp_path: Path) -> None:
    with pytest.raises(Forbidden, match="`commands` of `\\[zato\\]` is off"):
        commands(server).invoke("true")
    with pytest.raises(Forbidden):
        commands(server).invoke_async("true")


def test_programs_without_a_shell(server: Facade) -> None:
    server._section = ZatoSection(commands="programs")
    done = commands(server).invoke("echo 'a b' && rm -rf $HOME; `id`")
    assert done.stdout == "a b && rm -rf $HOME; `id`\n"
    with pytest.raises(FileNotFoundError):
        commands(server).invoke("no-such-program-here")
    with pytest.raises(Exception, match="closing quotation"):
        commands(server).invoke("echo 'a")


def test_it_is_ended_in_time_with_all_that_it_has_started(shell: Facade, tmp_path: Path) -> None:
    child = tmp_path / "child"
    done = commands(shell).invoke(f"sleep 300 & echo $! > {child}; echo here; wait", timeout=1)
    assert (done.is_timeout, done.is_ok, done.exit_code) == (True, False, -1)
    assert done.stdout == "here\n" and "within 1 s" in done.timeout_msg
    wait_until(lambda: gone(child), 30)
    done = commands(shell).invoke(f"sleep 300 & echo $! > {child}")
    assert done.is_ok
    wait_until(lambda: gone(child), 30)


def test_its_output_has_a_limit(shell: Facade) -> None:
    with pytest.raises(ResultTooLarge, match="100,000 bytes"):
        commands(shell).invoke("yes")
    done = commands(shell).invoke(f"{sys.executable} -c \"print('x' * 99000)\"")
    assert done.len_stdout_bytes == 99_001


def test_its_environment_has_nothing_of_hansa(
    shell: Facade, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANSA_ADMIN_PASSWORD", "secret")
    monkeypatch.setenv("OTHER_NAME", "kept")
    assert commands(shell).invoke("env | grep -c HANSA_").stdout == "0\n"
    assert commands(shell).invoke("echo $OTHER_NAME").stdout == "kept\n"


def test_what_is_no_text_is_replaced(shell: Facade) -> None:
    done = commands(shell).invoke(r"printf 'a\377b'", replace_char="?")
    assert done.stdout == "a?b"


def test_no_more_than_so_many_at_once(shell: Facade) -> None:
    for _ in range(module.AT_ONCE):
        assert module._places.acquire(timeout=30)
    try:
        with pytest.raises(Unavailable, match="16 programs"):
            commands(shell).invoke("true")
    finally:
        for _ in range(module.AT_ONCE):
            module._places.release()


def test_callbacks_learn_of_results(shell: Facade, tmp_path: Path) -> None:
    given: list[CommandResult] = []
    begun = commands(shell).invoke_async("echo done", cid="K1", callback=given.append)
    assert (begun.cid, begun.is_async, begun.exit_code, begun.stdout) == ("K1", True, -1, "")
    wait_until(lambda: given, 30)
    assert (given[0].stdout, given[0].is_ok, given[0].cid) == ("done\n", True, "K1")
    for callback in (Learns, Learns.name):
        commands(shell).invoke("echo 5", callback=callback)
    shell.work()
    assert [each["stdout"] for each in Learns.seen] == ["5\n", "5\n"]
