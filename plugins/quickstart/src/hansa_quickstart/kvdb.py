"""The key/value database of a cluster: the embedded Valkey as a component of its own."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Final

from hansa import (
    HansaError,
    Invalid,
    Restarts,
    load,
    print_lines,
    replace_file,
    rotate_output,
    spawn,
)
from hansa_redis.early import RedisSection
from hansa_redis.engine import Valkey

from .component import KVDB, SERVER, Component
from .failure import INVALID, Failure

ADDRESS_FILE: Final = "address"
LOG: Final = "kvdb.log"
ROTATE_AT: Final = 64 * 2**20
"""Size in bytes at which a log is rotated."""
KEPT: Final = 5
"""Rotated files of each log to keep."""
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
    # a start that needs no space succeeds on a full disk
    if address_of(component) != engine.address:
        publish_address(component, engine)
    restarts = Restarts()
    while not termination.is_set():
        began = time.monotonic()
        ended = _run_once(component, engine, termination)
        if termination.is_set():
            return
        pause = restarts.ended(began)
        print_lines(f"Valkey {ended}, starting it again in {pause:g} s")
        termination.wait(pause)


def _run_once(component: Component, engine: Valkey, termination: threading.Event) -> str:
    """Run the engine until it ends, or is ended since this process is to end; returns how."""
    try:
        child = _start(component, engine)
    except (OSError, HansaError) as error:
        return f"cannot be started now: {error}"
    while child.poll() is None and not termination.wait(_POLL):
        for name in (LOG, component.console.name):
            # what cannot be rotated for want of space grows no more
            with contextlib.suppress(OSError):
                rotate_output(component.logs / name, ROTATE_AT, KEPT)
    if termination.is_set():
        _stop(child, engine)
    return f"ended with status {child.returncode}"


def _start(component: Component, engine: Valkey) -> subprocess.Popen[bytes]:
    component.logs.mkdir(exist_ok=True)
    with open(component.logs / LOG, "ab") as out:
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
