"""R21: a server that is told to end finishes what it has, and a restart of the whole cluster fails
nobody and repeats nothing.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from hansa_devkit.harness.waiting import wait_until

from tests.cluster.accounting import Account
from tests.cluster.running import BIN, SERVERS, sized


def test_a_server_that_is_told_to_end_finishes_what_it_has(cluster, figure):
    """SIGTERM at load, with services of 50 ms and of some seconds, synchronous and asynchronous."""
    long, asked = sized(2.0, 10.0), 6
    cluster.run("stop", cluster.path / "server1")
    config = cluster.path / "server1/config.toml"
    command = [BIN / "hansa", "server", "run", "--config", config, "--dir", config.parent]
    with open(
        cluster.folder / "server1", "w"
    ) as out:  # a child of ours, so that its status can be seen
        process = subprocess.Popen(
            [*map(str, command)],
            env={**cluster.env, "HANSA_CONSOLE": "off"},
            stdout=out,
            stderr=out,
        )
    wait_until(lambda: cluster.ready("server1"), 40, "server1 is ready")
    wait_until(lambda: "UP" in _state(cluster, "server1"), 20, "the load-balancer knows")
    account, queued = Account(), list(range(1, 41))
    direct = f"http://127.0.0.1:{cluster.base + 10}/record"
    with cluster.clients(
        "/record", account, clients=12, get=2, log="ending", work=0.05, pause=0.01
    ) as clients:
        wait_until(lambda: len(account.acknowledged) > 100, 20)
        with ThreadPoolExecutor(asked) as pool:
            waiting = [
                pool.submit(
                    requests.post,
                    direct,
                    json={"number": -n, "log": "ending", "work": long},
                    timeout=60,
                )
                for n in range(1, asked + 1)
            ]
            wait_until(
                lambda: (
                    len([n for n in cluster.receipts("ending-begun").numbers() if n < 0]) == asked
                ),
                20,
                "begun",
            )
            assert cluster.ask("/accept", {"numbers": queued, "log": "left", "work": 1.0}).ok
            process.send_signal(signal.SIGTERM)
            told = time.monotonic()
            wait_until(lambda: not cluster.ready("server1"), 10, "it says that it is not ready")
            red = time.monotonic() - told
            answers = [future.result() for future in waiting]
        code = process.wait(60)
        ended = time.monotonic() - told
        going_on = len(account.acknowledged) + 200
        wait_until(lambda: len(account.acknowledged) > going_on, 20, "server2 goes on")
    cluster.run("start", cluster.path / "server1")
    cluster.settled()
    result = account.result(n for n in cluster.receipts("ending").numbers() if n > 0)
    left = cluster.receipts("left").numbers()
    print(
        f"{result}, not ready after {red * 1000:.0f} ms, ended after {ended:.1f} s, "
        f"queue: {len(left)} of {len(queued)}"
    )
    figure(
        "R21 SIGTERM",
        requests=result.acknowledged,
        failed=len(clients.faults),
        run_twice=result.duplicates,
        long_finished=sum(answer.ok for answer in answers),
        not_ready_ms=round(red * 1000),
        ended_s=round(ended, 1),
    )
    assert code == 0
    assert [answer.status_code for answer in answers] == [200] * asked
    assert not clients.faults, clients.faults[:3]
    assert not result.lost
    assert not result.duplicates
    assert red <= sized(3, 1)
    assert sorted(left) == queued, "what was in the queue is done, each once"


def _state(cluster, server: str) -> str:
    listed = cluster.must("admin.loadbalancer.servers")["items"]
    return next(item["status"] for item in listed if item["name"] == server)


def _servers(cluster) -> dict[str, dict]:
    return {server["name"]: server for server in cluster.must("admin.cluster.status")["servers"]}


def _told_as_it_went(lines: list[str]) -> None:
    """What `hansa cluster restart` printed: three lines for each server, and the sum."""
    for number, name in enumerate(SERVERS):
        assert lines[3 * number] == f"{name}: gets nothing new"
        assert lines[3 * number + 1] == f"{name}: restarting"
        assert lines[3 * number + 2].startswith(f"{name}: ready, 2 workers at revision ")
    assert lines[6].startswith("restarted server1, server2 in ")


@pytest.mark.proves("channel http", "guarantee")
def test_a_rolling_restart_fails_nobody_and_repeats_nothing(cluster, figure):
    """Every server of the cluster, one after the other, under load; POST and GET, kept connections
    and new ones.
    """
    account, called, wanted, many = Account(), Account(), sized(1_000, 10_000), sized(4, 12)
    before, known = {worker.pid for worker in cluster.workers()}, _servers(cluster)
    stop = threading.Event()
    with contextlib.ExitStack() as stack:
        clients = stack.enter_context(
            cluster.clients("/record", account, clients=many, get=2, log="rolling", pause=0.03)
        )
        queue = {"clients": 2, "batch": 4, "pause": 0.1, "log": "rolling-queue", "work": 0.05}
        calls = stack.enter_context(cluster.clients("/accept", called, **queue))
        wait_until(lambda: len(account.acknowledged) > 100, 20)
        began = time.monotonic()
        done = cluster.run("cluster", "restart", "--dir", cluster.path / "server1")
        seconds = time.monotonic() - began
        stop.wait(1)
        wait_until(lambda: len(account.acknowledged) >= wanted, 120)
    cluster.settled()
    cluster.whole()
    result = account.result(cluster.receipts("rolling").numbers())
    queued = called.result(cluster.receipts("rolling-queue").numbers())
    faults = [*clients.faults, *clients.refusals, *calls.faults, *calls.refusals]
    print(f"{result}; queue: {queued}; {seconds:.1f} s\n{done.stdout}")
    figure(
        "R21 rolling restart",
        servers=len(SERVERS),
        requests=result.acknowledged,
        failed=len(faults),
        run_twice=result.duplicates,
        queued=queued.acknowledged,
        queued_lost=len(queued.lost),
        queued_twice=queued.duplicates,
        seconds=round(seconds, 1),
    )
    _told_as_it_went(done.stdout.splitlines())
    assert not before & {worker.pid for worker in cluster.workers()}, "every worker is a new one"
    for name, server in _servers(cluster).items():
        assert server["state"] == "ready"
        assert server["incarnation"] > known[name]["incarnation"]
        assert server["pid"] == known[name]["pid"] == cluster.pid(name), (
            "whoever started it finds it"
        )
    assert {item["state"] for item in cluster.must("admin.loadbalancer.servers")["items"]} == {
        "ready"
    }
    assert not faults, faults[:3]
    for each in (result, queued):
        assert not each.lost
        assert not each.recovered
        assert not each.duplicates
