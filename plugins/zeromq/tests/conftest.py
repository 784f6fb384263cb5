"""Peers in processes of their own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hansa_devkit.harness.ports import free_port

PEER = Path(__file__).with_name("peer.py")
Start = Callable[[str, str], "subprocess.Popen[str]"]


@pytest.fixture
def peer() -> Iterator[Start]:
    """Start a peer at an address; it is there when this returns."""
    started: list[subprocess.Popen[str]] = []

    def start(what: str, address: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, str(PEER), what, address], stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def address() -> str:
    return f"tcp://127.0.0.1:{free_port()}"
