"""Programs that a forked command starts, as forks of it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hansa_devkit.harness.forked_programs import INTERPRETER, ForkedProgram, Popen


def become(words: Sequence[str], folder: str, environment: Mapping[str, str]) -> None:
    """Do what the first word says, as the command would do it."""
    os.chdir(folder)
    print(os.getcwd(), environment["WORD"], *words, os.getsid(0) == os.getpid())
    if words[0] == "fail":
        sys.exit(3)
    if words[0] == "raise":
        raise ValueError("no such word")
    if words[0] == "wait":
        time.sleep(60)


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Start a program whose output goes to a file."""
    monkeypatch.setattr(Popen, "can_be_forked", lambda env: "LC_ALL" not in env, raising=False)
    monkeypatch.setattr(Popen, "become", become, raising=False)

    def started(*words: str, command: Sequence[str] = INTERPRETER, **env: str) -> Any:
        with open(tmp_path / "output", "ab") as output:
            return Popen(
                [*command, *words],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=tmp_path,
                env={"WORD": "word", **env},
                start_new_session=True,
            )

    return started


def test_it_is_a_child_with_its_own_folder_output_and_session(
    start: Callable[..., Any], tmp_path: Path
) -> None:
    program = start("one", "two")
    assert isinstance(program, ForkedProgram)
    assert program.wait(30) == 0
    assert program.returncode == program.poll() == 0
    assert (tmp_path / "output").read_text() == f"{tmp_path} word one two True\n"


def test_its_status_is_that_of_the_command(start: Callable[..., Any], tmp_path: Path) -> None:
    assert start("fail").wait(30) == 3
    assert start("raise").wait(30) == 1
    assert "ValueError: no such word" in (tmp_path / "output").read_text()


def test_it_is_ended_by_signals(start: Callable[..., Any]) -> None:
    program = start("wait")
    with pytest.raises(subprocess.TimeoutExpired):
        program.wait(0.01)
    program.terminate()
    assert program.wait(30) == -signal.SIGTERM
    program.kill()


def test_generators_of_random_numbers_are_found_in_it(
    start: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A template seeds those that it finds, so that no two workers make the same ids."""
    drawn = random.Random()

    def look(words: Sequence[str], folder: str, environment: Mapping[str, str]) -> None:
        import gc

        print(any(one is drawn for one in gc.get_objects()))

    monkeypatch.setattr(Popen, "become", look)
    assert start("any").wait(30) == 0
    assert (tmp_path / "output").read_text() == "True\n"


def test_everything_else_is_a_program_of_its_own(start: Callable[..., Any], tmp_path: Path) -> None:
    own = [sys.executable, "-c", "print('an interpreter')"]
    program = start(command=own)
    assert not isinstance(program, ForkedProgram)
    assert program.wait(30) == 0
    assert (tmp_path / "output").read_text() == "an interpreter\n"
    told = start("--version", LC_ALL="C")
    assert not isinstance(told, ForkedProgram)
    assert told.wait(60) == 0
    assert "hansa, version" in (tmp_path / "output").read_text()
