"""What the kit watches: sockets, threads and programs; and each step can be made to fail."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading

import pytest
from hansa_devkit.watch import Planned, open_sockets, watching


class Peer(socket.socket):
    """A socket that knows another."""

    peer: Peer


def test_sockets_threads_and_programs_are_seen():
    with watching() as watch:
        with socket.create_server(("127.0.0.1", 0)):
            pass
        thread = threading.Thread(target=int, name="seen")
        thread.start()
        subprocess.run([sys.executable, "-c", ""], check=True)
    assert {"socket.__new__", "socket.bind", "thread seen", "subprocess.Popen"} <= set(watch.steps)
    thread.join()


def test_sockets_that_are_garbage_are_not_left_and_others_are():
    with watching() as watch:
        loop = asyncio.new_event_loop()
        loop.close()
        kept = socket.socket()
        forgotten = Peer()
        forgotten.peer = forgotten  # a circle, which only the garbage collector ends
        del forgotten
    assert watch.left(1) == [f"socket {kept!r}"]
    kept.close()
    assert watch.left(0) == []


def test_other_threads_are_not_looked_at():
    go, done = threading.Event(), threading.Event()

    def other():
        go.wait()
        socket.socket().close()
        done.set()

    thread = threading.Thread(target=other)
    thread.start()
    with watching() as watch:
        go.set()
        done.wait(5)
    assert watch.steps == []
    thread.join()


def test_threads_of_threads_are_followed():
    release = threading.Event()

    def second():
        release.wait(5)

    with watching() as watch:
        first = threading.Thread(
            target=lambda: threading.Thread(target=second, name="grandchild").start()
        )
        first.start()
        first.join()
    assert watch.left(0) == ["thread grandchild"]
    release.set()
    assert watch.left(5) == []


@pytest.mark.parametrize("step", [1, 2])
def test_a_step_fails_as_planned(step):
    opened = None
    with watching(fail_at=step) as watch:
        try:
            opened = socket.socket()
            opened.bind(("127.0.0.1", 0))
            pytest.fail("nothing failed")
        except Planned:
            pass
    assert watch.failed
    assert len(watch.steps) == step
    if opened is not None:
        assert len(watch.left(0)) == 1
        opened.close()
    assert watch.left(0) == []


def test_nothing_is_watched_afterwards():
    start = threading.Thread.start
    with watching() as watch:
        pass
    socket.socket().close()
    assert watch.steps == []
    assert threading.Thread.start is start


def test_sockets_that_the_kernel_knows():
    before = open_sockets()
    with socket.socket():
        assert len(open_sockets() - before) == (1 if before or sys.platform == "linux" else 0)
