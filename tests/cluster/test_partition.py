"""R20: one server is cut off from Redis, from the ODB, or from both: one leader with effects,
nothing lost, soon one cluster again.

The full size runs this a second time in a network namespace of its own, where the system's firewall
drops the packets.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hansa_devkit.harness.waiting import wait_until

from tests.cluster.accounting import Account
from tests.cluster.dependent import DependentCluster, dependent, dependent_clusters
from tests.cluster.running import FULL, SERVERS, sized, within

__all__ = ["dependent", "dependent_clusters"]
CONVERGED = 15.0  # seconds after the end of the partition
HERE = (
    "from hansa import Service\n\n"
    "class Here(Service):\n"
    "    name = 'part.here'\n"
    "    def handle(self):\n"
    "        return 1\n"
)
INSIDE = "HANSA_IN_NAMESPACE"
JOBS = ("all", "once", "skip")  # one for each policy for missed times
CUTS = [
    ("leader", ("redis", "odb")),
    ("leader", ("redis",)),
    ("other", ("odb",)),
    ("leader", ("odb",)),
    ("other", ("redis",)),
]


@contextlib.contextmanager
def cut(cluster: DependentCluster, server: str, from_what: tuple[str, ...]) -> Iterator[None]:
    """Let nothing pass between a server and what it depends on, both ways; connections stay open."""
    ways = {"redis": cluster.redis_proxies, "odb": cluster.odb_proxies}
    proxies = [ways[name][server] for name in from_what]
    rules = [
        ["INPUT", "-i", "lo", "-p", "tcp", side, str(proxy.port), "-j", "DROP"]
        for proxy in proxies
        for side in ("--dport", "--sport")
    ]
    inside = bool(os.environ.get(INSIDE))
    for proxy in proxies:
        proxy.mode = "pass" if inside else "drop"
    for rule in rules if inside else ():
        subprocess.run(["iptables", "-A", *rule], check=True)
    try:
        yield
    finally:
        for rule in rules if inside else ():
            subprocess.run(["iptables", "-D", *rule], check=True)
        for proxy in proxies:
            proxy.mode = "pass"


def converged(cluster: DependentCluster, channels: set[str]) -> bool:
    """Whether both servers tell the same of the cluster, with all workers up to date, and serve
    what was changed.
    """
    seen = []
    for server in SERVERS:
        answer = cluster.own_api(server, "admin.server.status")
        if not answer.ok:
            return False
        told = answer.json()
        workers = {name: worker["revision"] for name, worker in told["workers"].items()}
        if len(workers) < 4 or set(workers.values()) != {told["revision"]}:
            return False
        seen.append((told["revision"], workers))
    return seen[0] == seen[1] and all(
        cluster.status(s, f"/{name}") == 200 for s in SERVERS for name in channels
    )


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("dependent", [sized("postgresql-redis", "mariadb-valkey")], indirect=True)
def test_a_partition(dependent, figure):
    cluster = dependent
    rounds, lasts = sized(1, 20 if INSIDE in os.environ else 5), sized(10.0, 30.0)
    account, queued, made, took = Account(), Account(), set(), list[float]()
    ticks = cluster.receipts("ticks")
    for name in JOBS:
        cluster.must(
            "admin.channel.schedule.create",
            name=f"part-{name}",
            service="recorder.tick",
            job_type="interval",
            seconds=1,
            missed=name,
        )
    cluster.must("admin.service.deploy", file="part.py", source=HERE)
    ours = {f"part-{name}" for name in JOBS}

    def lines() -> list[dict]:
        return [line for line in ticks.lines() if line["job"] in ours]

    wait_until(
        lambda: {line["job"] for line in lines()} == ours and len(lines()) > 6, 30, "the jobs tick"
    )
    sync = cluster.clients("/record", account, clients=4, pause=0.05, log="part")
    accept = cluster.clients(
        "/accept", queued, clients=4, batch=2, pause=0.1, log="part-async", options={}
    )
    with sync, accept:
        for number in range(rounds):
            who, from_what = CUTS[number % len(CUTS)]
            leader = next(
                line["server"]
                for line in reversed(lines())
                if line["job"] == f"part-{JOBS[number % 3]}"
            )
            other = next(server for server in SERVERS if server != leader)
            victim, well = (leader, other) if who == "leader" else (other, leader)
            with cut(cluster, victim, from_what):
                ends = time.monotonic() + lasts
                name = f"part{number}"
                answer = cluster.own_api(
                    well,
                    "admin.channel.http.create",
                    name=name,
                    url_path=f"/{name}",
                    service="part.here",
                    format="json",
                )
                assert answer.ok, answer.text
                made.add(name)
                wait_until(lambda ends=ends: time.monotonic() > ends, lasts + 5)
            healed = time.monotonic()
            wait_until(lambda: converged(cluster, made), 60, "one cluster again")
            took.append(time.monotonic() - healed)
            seen = len(lines())
            wait_until(lambda seen=seen: len(lines()) > seen + 3, 20, "the jobs go on")
    cluster.settled()
    for name in JOBS:
        cluster.must("admin.channel.schedule.delete", name=f"part-{name}")
    result, calls = (
        account.result(cluster.receipts("part").numbers()),
        queued.result(cluster.receipts("part-async").numbers()),
    )
    runs = Counter((line["job"], line["planned"], line["attempt"]) for line in lines())
    again = sum(
        line["attempt"] > 1 for line in lines()
    )  # what was in hand when its server was cut off
    twice = sorted(key for key, times in runs.items() if times > 1)
    print(
        f"{rounds} partitions, converged within {max(took):.1f} s; {len(runs)} ticks, "
        f"{len(twice)} twice; {result}; queued: {calls}"
    )
    figure(
        "R20",
        faults=rounds,
        ticks=len(runs),
        twice=len(twice),
        run_again_after_cut=again,
        converged_max=round(max(took), 1),
        requests=len(account.attempted),
        failed=len(sync.faults),
        accepted=calls.acknowledged,
        lost=len(calls.lost) + len(result.lost),
    )
    assert within(took, CONVERGED)
    assert not twice, [
        line for line in lines() if (line["job"], line["planned"], line["attempt"]) in twice
    ][:6]
    assert again <= rounds * len(JOBS)
    assert not sync.faults and not sync.refusals, (sync.faults + sync.refusals)[:3]
    assert not accept.faults, accept.faults[:3]
    for found in (result, calls):
        assert not found.lost and not found.unexpected


def _may_have_namespaces() -> bool:
    return (
        bool(shutil.which("unshare") and shutil.which("iptables"))
        and not subprocess.run(
            ["unshare", "--net", "iptables", "-S"], capture_output=True, check=False
        ).returncode
    )


@pytest.mark.skipif(
    not FULL or bool(os.environ.get(INSIDE)), reason="only once, and in the full size"
)
@pytest.mark.timeout(3600)
def test_the_same_where_the_firewall_drops_the_packets(tmp_path):
    if not _may_have_namespaces():
        pytest.skip("network namespaces may not be made here")
    again = [
        sys.executable,
        "-m",
        "pytest",
        f"{Path(__file__)}::test_a_partition",
        "-q",
        "-s",
        "-p",
        "no:cacheprovider",
    ]
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *again],
        env={**os.environ, INSIDE: "1"},
        text=True,
        capture_output=True,
        check=False,
    )
    print(done.stdout[-2000:])
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
