"""Real servers for the tests: engines run as the supervisor runs them, and peers that misbehave."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

from hansa import load
from hansa_redis.engine import Valkey
from hansa_redis.outgoing import RedisConfig, RedisOutgoing


def wait_for(condition: Callable[[], object], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


def launch(engine: Valkey) -> subprocess.Popen:
    """Start an engine and wait until it is ready."""
    process = subprocess.Popen(
        engine.command(), stdout=subprocess.DEVNULL, env=engine.environment() or None
    )
    try:
        wait_for(engine.ready)
    except BaseException:
        process.kill()
        process.wait()
        raise
    return process


def end(process: subprocess.Popen) -> None:
    process.terminate()
    process.wait(10)


def outgoing(address: str = "", name: str = "cache", own: str = "", **settings) -> RedisOutgoing:
    server = SimpleNamespace(
        engines={"redis": own} if own else {}, section=lambda name: SimpleNamespace(address="")
    )
    return RedisOutgoing(
        name, load(RedisConfig, {"address": address, **settings} if address else settings), server
    )


@contextmanager
def running(address: str = "", **options) -> Iterator[RedisOutgoing]:
    connection = outgoing(address, **options)
    try:
        connection.start()
        yield connection
    finally:
        connection.stop()


@contextmanager
def peer(behave: Callable[[socket.socket], None]) -> Iterator[str]:
    """A TCP server that does with each connection what it is told; gives its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        connections: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                connections.append(connection)
                threading.Thread(target=run, args=(connection,), daemon=True).start()

        def run(connection: socket.socket) -> None:
            try:
                behave(connection)
            except OSError:
                pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"redis://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for connection in connections:
                connection.close()
            thread.join(5)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def proc(pid: int) -> bool:
    """Whether a process exists and is not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
