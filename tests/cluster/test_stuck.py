"""Calls that never return take nothing but their threads: the admin API answers, each call is logged
with its stack, workers are replaced, and a restart of the cluster works. A lost ODB stops a start.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from contextlib import ExitStack

import requests
from hansa_devkit.harness.waiting import wait_until

CALLS = 120
"""So many that each worker has more than its threads, however the kernel hands them out."""
THREADS = 32
"""Those of services in all four workers."""


def ask_in_vain(stack: ExitStack, port: int, number: int) -> None:
    """Send a request whose service does not return, and wait for no answer."""
    client = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
    body = b'{"log": "stuck", "number": %d, "work": 3600}' % number
    head = b"POST /record HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    client.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)


def test_a_cluster_whose_threads_are_all_stuck_answers_its_admin_and_can_be_restarted(cluster):
    with ExitStack() as stack:
        for number in range(CALLS):
            ask_in_vain(stack, cluster.port, number)
        wait_until(
            lambda: len(cluster.receipts("stuck-begun").numbers()) >= THREADS, 30, "all stuck"
        )
        for _ in range(10):
            began = time.monotonic()
            assert cluster.api("admin.cluster.status").ok
            assert all(cluster.ready(server) for server in ("server1", "server2"))
            assert time.monotonic() - began < 5
        done = cluster.run("cluster", "restart", "--dir", cluster.path / "server1")
        assert "restarted server1, server2" in done.stdout
    cluster.whole()
    assert cluster.ask("/record", {"log": "unstuck", "number": 1}).ok


def test_a_server_whose_odb_is_gone_does_not_start_and_makes_none(cluster):
    file = cluster.path / "odb.sqlite"
    kept = cluster.path / "kept.sqlite"
    os.rename(file, kept)
    try:
        pid = cluster.pid("server2")
        workers = cluster.workers("server2")
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not any(worker.is_running() for worker in workers), 20, "it is gone")
        done = cluster.run("start", cluster.path / "server2", check=False)
        assert done.returncode != 0
        assert "the operational database is missing" in done.stdout + done.stderr
        assert not cluster.ready("server2")
        assert not file.exists()
        answer = requests.post(
            f"{cluster.front}/hansa/api/admin.channel.http.create",
            json={"name": "lost", "url_path": "/lost", "service": "recorder.record"},
            auth=("admin", cluster.password),
            timeout=60,
        )
        assert answer.status_code == 503, "only this server would have seen it"
    finally:
        os.rename(kept, file)
    cluster.run("start", cluster.path / "server2", check=False)
    cluster.whole(90)
    assert cluster.ask("/record", {"log": "found", "number": 1}).ok
