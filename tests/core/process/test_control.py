"""The pipe between supervisor and worker: the job with its sockets, events, and the end."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hansa.process.control import Control


@pytest.fixture
def pipe() -> Iterator[tuple[socket.socket, Control]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, Control(theirs)


def test_the_job_comes_with_its_sockets_and_takes_nothing_of_what_follows(
    pipe: tuple[socket.socket, Control],
):
    ours, control = pipe
    job = {
        "index": 1,
        "generation": 3,
        "config": "/etc/hansa/config.toml",
        "dir": "/var/hansa",
        "overrides": {"server.workers": 2},
        "environment": {"HANSA_LISTEN_HTTP": "http://127.0.0.1:1"},
        "engines": {"redis": "unix:///x"},
        "sockets": ["http"],
    }
    with socket.create_server(("127.0.0.1", 0)) as listening:
        line = json.dumps(job).encode() + b"\n"
        socket.send_fds(ours, [line], [listening.fileno()])
        ours.sendall(b'{"event": "stop", "closing": true}\n')
        found = control.receive_job()
        with found.sockets["http"] as received:
            assert received.getsockname() == listening.getsockname()
    assert (found.index, found.generation) == (1, 3)
    assert (found.config, found.dir) == (Path("/etc/hansa/config.toml"), Path("/var/hansa"))
    assert found.overrides == {"server.workers": 2}
    assert found.engines == {"redis": "unix:///x"}
    assert control.wait_for_end(print) is True


def test_events_are_lines_of_json(pipe: tuple[socket.socket, Control]):
    ours, control = pipe
    control.tell("ready")
    control.tell("reload", revision=7)
    with ours.makefile("r") as lines:
        assert [json.loads(lines.readline()) for _ in range(2)] == [
            {"event": "ready"},
            {"event": "reload", "revision": 7},
        ]


@pytest.mark.parametrize("closing", [True, False])
def test_a_stop_says_whether_the_whole_server_ends(
    pipe: tuple[socket.socket, Control], closing: bool
):
    ours, control = pipe
    ours.sendall(json.dumps({"event": "stop", "closing": closing}).encode() + b"\n")
    assert control.wait_for_end(print) is closing


def test_a_supervisor_that_is_gone_ends_the_whole_server(pipe: tuple[socket.socket, Control]):
    ours, control = pipe
    ours.close()
    assert control.wait_for_end(print) is True


def test_a_worker_without_a_supervisor_has_no_job(pipe: tuple[socket.socket, Control]):
    ours, control = pipe
    ours.close()
    with pytest.raises(SystemExit) as ended:
        control.receive_job()
    assert ended.value.code == 0
