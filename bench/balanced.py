"""A whole cluster as `hansa quickstart` makes it, loaded through its HAProxy and, for comparison,
past it at one server.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import psutil
from hansa_devkit.harness.waiting import wait_until

from plugins.quickstart.tests.conftest import Cluster
from tools.project import TOP

from .measure import Figure, compare
from .peers import PATH
from .programs import BODY, CREDENTIALS, PASSWORD, USER, Target, wrk

DEFINITIONS = {
    "security": {"basic": {"bench": {"username": USER, "password": PASSWORD}}},
    "channel": {
        "http": {
            "bench": {
                "url_path": PATH,
                "service": "orders.echo",
                "format": "json",
                "security": "bench",
            }
        }
    },
}


class ClusterTarget(Target):
    """A port of a cluster; the CPU time is that of all its processes, HAProxy's and Valkey's among them."""

    def __init__(self, cluster: Cluster, port: int) -> None:
        headers = {"Content-Type": "application/json", **CREDENTIALS}
        super().__init__(psutil.Process(), port, PATH, BODY, headers)
        self.processes = cluster.processes()

    def cpu(self) -> float:
        """Seconds of CPU time that all processes of the cluster have used."""
        total = 0.0
        for process in self.processes:
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                total += times.user + times.system
        return total


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """Two servers of two workers each behind HAProxy, with the channel of the benchmark."""
    folder.mkdir(parents=True)
    made = Cluster(folder)
    try:
        made.create()
        made.run("start", made.path)
        deployed = made.api(
            "admin.service.deploy", file="orders.py", source=(TOP / "bench/orders.py").read_text()
        )
        deployed.raise_for_status()
        applied = made.api("admin.config.apply", config=DEFINITIONS)
        applied.raise_for_status()
        assert not applied.json()["pending"], applied.text
        yield made
        made.run("stop", made.path)
    finally:
        made.kill()


def balanced(folder: Path, pairs: int = 15) -> Iterator[Figure]:
    """Through HAProxy with two servers, against one server direct."""
    with cluster(folder) as made:
        front, direct = ClusterTarget(made, made.base), ClusterTarget(made, made.base + 10)
        cpus = f"on {os.cpu_count()} CPUs, which wrk shares"
        yield compare(
            f"rate: HAProxy and two servers / one server direct, {cpus}",
            lambda: wrk(front, folder).rate,
            lambda: wrk(direct, folder).rate,
            pairs=pairs,
            note="requests/s",
        )
        yield compare(
            "CPU per request of the whole cluster: through HAProxy / direct",
            lambda: wrk(front, folder).cpu_us,
            lambda: wrk(direct, folder).cpu_us,
            pairs=pairs,
            note="µs of CPU",
        )
        config = made.path / "load-balancer/config.toml"
        config.write_text(
            config.read_text().replace("[loadbalancer]\n", "[loadbalancer]\nreuse = false\n", 1)
        )
        generated = made.path / "load-balancer/run/haproxy.cfg"
        wait_until(
            lambda: "option http-server-close" in generated.read_text(),
            20,
            "HAProxy follows its configuration",
        )
        front = ClusterTarget(made, made.base)  # the reload made a new process
        yield compare(
            "rate: the same with a connection for each request (reuse = false) / one server direct",
            lambda: wrk(front, folder).rate,
            lambda: wrk(direct, folder).rate,
            pairs=pairs,
            note="requests/s",
        )
