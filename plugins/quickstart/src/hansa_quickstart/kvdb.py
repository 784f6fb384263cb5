"""The key/value database of a cluster: the embedded Valkey as a component of its own."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Final

from hansa import Invalid, Restarts, load, replace_file, spawn
from hansa_redis.early import RedisSection
from hansa_redis.engine import Valkey

from .component import KVDB, SERVER, Component
from .failure import INVALID, Failure

ADDRESS_FILE: Final = "address"
FIRST_PAUSE: Final = 0.2
LONGEST_PAUSE: Final = 10.0
"""Seconds before an ended Valkey is started again; one that ran this long begins with the first."""
_POLL: Final = 0.1


def engine_of(component: Component) -> Valkey:
    """Return the embedded Valkey of a component, as its configuration has it; raises `Failure`."""
    try:
        section = load(RedisSection, component.section("redis"))
    except Invalid as invalid:
        faults = "; ".join(f"redis.{key}: {fault}" for key, fault in invalid.errors.items())
        raise Failure(f"{component.config}: {faults}", INVALID) from None
    return Valkey(
        component.folder,
        durability=section.durability,
        memory=section.memory,
        program=section.program,
    )


def address_of(component: Component) -> str:
    """Return the address of the Redis of a server, or of the embedded Valkey.

    It is empty for a server that runs a Valkey itself. Raises `Failure`.
    """
    if component.kind == KVDB:
        try:
            return _address_file(component).read_text().strip()
        except OSError:
            return ""
    assert component.kind == SERVER
    return str(component.section("redis").get("address", ""))


def publish_address(component: Component, engine: Valkey) -> Path:
    """Write the file from which servers read the address, including the password; returns its path."""
    path = _address_file(component)
    replace_file(path, engine.address + "\n")
    return path


def _address_file(component: Component) -> Path:
    return component.folder / ADDRESS_FILE


def run(component: Component) -> None:
    """Run the embedded Valkey until SIGTERM or SIGINT, and start it again whenever it ends."""
    engine = engine_of(component)
    termination = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        termination.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    publish_address(component, engine)
    restarts = Restarts(FIRST_PAUSE, LONGEST_PAUSE, well=LONGEST_PAUSE)
    while not termination.is_set():
        began = time.monotonic()
        child = _start(component, engine)
        while child.poll() is None and not termination.wait(_POLL):
            pass
        if termination.is_set():
            _stop(child, engine)
            return
        pause = restarts.ended(began)
        line = f"Valkey ended with status {child.returncode}, starting it again in {pause:g} s"
        print(line, flush=True)
        termination.wait(pause)


def _start(component: Component, engine: Valkey) -> subprocess.Popen[bytes]:
    component.logs.mkdir(exist_ok=True)
    with open(component.logs / "kvdb.log", "ab") as out:
        return spawn(
            engine.command(),
            cwd=engine.directory,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )


def _stop(child: subprocess.Popen[bytes], engine: Valkey) -> None:
    child.send_signal(engine.stop_signal)
    try:
        child.wait(engine.stop_timeout)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
