"""Servers and programs that tests of several plugins together use."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hansa_devkit.harness.api_server import ApiError
from hansa_devkit.harness.waiting import wait_until

TOP = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def start_program() -> Iterator[Callable[..., str]]:
    """Start a Python program in a process of its own; return the first line that it prints, such as
    its URL.
    """
    started: list[subprocess.Popen[str]] = []

    def make(program: Path, *options: str) -> str:
        process = subprocess.Popen(
            [sys.executable, str(program), *options], stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout is not None
        return process.stdout.readline().strip()

    yield make
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def start_feed(start_program: Callable[..., str]) -> Callable[..., str]:
    """Start the treasury feed; return its URL."""
    return lambda *options: start_program(TOP / "examples/treasury/feed.py", *options)


@pytest.fixture(scope="session")
def examples() -> Path:
    """The folder of examples."""
    return TOP / "examples"


@pytest.fixture(scope="session")
def wait() -> Callable[..., Any]:
    """Wait for a condition."""
    return wait_until


@pytest.fixture(scope="session")
def api_error() -> type[ApiError]:
    """The exception that `server.api` raises."""
    return ApiError
