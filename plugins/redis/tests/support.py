"""Real servers for the tests: engines run as the supervisor runs them, and peers that misbehave."""

from __future__ import annotations

import select
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from hansa import load
from hansa_devkit.harness.waiting import wait_until
from hansa_redis.engine import Valkey
from hansa_redis.outgoing import RedisConfig, RedisOutgoing
from hansa_redis.pools import LastGivenBack


def launch(engine: Valkey) -> subprocess.Popen:
    """Start an engine and wait until it is ready."""
    process = subprocess.Popen(
        engine.command(), stdout=subprocess.DEVNULL, env=engine.environment() or None
    )
    try:
        wait_until(engine.ready)
    except BaseException:
        process.kill()
        process.wait()
        raise
    return process


def end(process: subprocess.Popen) -> None:
    process.terminate()
    process.wait(10)


def outgoing(address: str = "", name: str = "cache", own: str = "", **settings) -> RedisOutgoing:
    server = SimpleNamespace(bus=SimpleNamespace(address=own or None), objects=None)
    return RedisOutgoing(
        name, load(RedisConfig, {"address": address, **settings} if address else settings), server
    )


def close_last(pool: LastGivenBack) -> None:
    """Have Redis close the connection that a pool hands out next, and wait for its end."""
    connection: Any = pool.get_connection()
    connection.send_command("CLIENT", "ID")
    mine = connection.read_response()
    connection.send_command("CLIENT", "KILL", "ID", mine, "SKIPME", "no")
    assert connection.read_response() == 1
    # it answers first and closes then: until the end is here, the connection is a good one
    closed, _, _ = select.select([connection._sock], [], [], 30)
    assert closed
    pool.release(connection)


@contextmanager
def running(address: str = "", **options) -> Iterator[RedisOutgoing]:
    connection = outgoing(address, **options)
    try:
        connection.start()
        yield connection
    finally:
        connection.stop()


@contextmanager
def peer(behave: Callable[[socket.socket], object]) -> Iterator[str]:
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
