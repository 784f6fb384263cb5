"""R18: a full disk under everything a server writes, or under its logs alone: nothing is promised
that was not written.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from hansa_devkit.harness.waiting import wait_until

from plugins.quickstart.tests.conftest import Cluster, Foreground
from tests.cluster.accounting import Account, Receipts
from tests.cluster.clients import Clients
from tests.cluster.running import sized, within

BACK = 15.0
CONFIG = """
[redis]
durability = "durable"
[queue]
lease = 4
"""
SERVICE = (
    "from hansa import Service\n\n"
    "class {name}(Service):\n"
    "    name = '{name}'\n"
    "    def handle(self):\n"
    "        return 'NUMBER {number}'\n"
)


class Disk:
    """A small file system in memory, mounted at a folder, that can be filled to the last byte and
    freed again.
    """

    def __init__(self, folder: Path, size: str) -> None:
        self.folder, self._filler = folder, folder / ".filler"
        folder.mkdir(parents=True)
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", folder],
            capture_output=True,
            check=False,
        )
        if done.returncode:
            folder.rmdir()
            pytest.skip(f"file systems may not be mounted here: {done.stderr.decode().strip()}")

    def fill(self) -> None:
        """Leave nothing: what those who write give back meanwhile is taken, too."""
        wait_until(self._is_filled, 20, "nothing is left")

    def _is_filled(self) -> bool:
        """Take what is left; whether there is nothing then."""
        file = os.open(self._filler, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        size = 1 << 20
        while size:
            try:
                os.write(file, b"\0" * size)
            except OSError:
                size //= 2
        os.close(file)
        return shutil.disk_usage(self.folder).free == 0

    def free(self) -> None:
        """Give the space back."""
        self._filler.unlink(missing_ok=True)

    def close(self) -> None:
        """Unmount it."""
        subprocess.run(["umount", "--lazy", self.folder], check=True)


@pytest.fixture
def mount() -> Iterator[type[Disk]]:
    """Mount disks; all are unmounted at the end, once their servers have ended."""
    made: list[Disk] = []

    def make(folder: Path, size: str = "8m") -> Disk:
        made.append(Disk(folder, size))
        return made[-1]

    yield make
    for disk in made:
        disk.close()


def started(server, outside: Path):
    """A started server with the services that record and their channels."""
    outside.mkdir()
    server.start()
    wait_until(
        lambda: len(server.api("admin.server.status")["workers"]) == server.worker_count,
        40,
        "every worker serves",
    )
    source = (
        (Path(__file__).parent / "recorder.py").read_text().replace('"."', repr(str(outside)), 1)
    )
    server.deploy("recorder.py", source)
    for name in ("record", "accept"):
        server.api(
            "admin.channel.http.create",
            name=name,
            url_path=f"/{name}",
            service=f"recorder.{name}",
            format="json",
        )
    return server


def status(server, service: str, /, **settings: Any) -> int:
    """The status of an admin call."""
    url = f"{server.url}/hansa/api/{service}"
    return requests.post(
        url, json=settings, auth=("admin", server.password), timeout=30
    ).status_code


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_full_disk_under_everything(mount, start_server, tmp_path, figure):
    server = start_server(CONFIG, start=False)
    disk, outside = mount(server.dir), tmp_path / "outside"
    started(server, outside)
    waiting = server.dir / "waiting"
    waiting.mkdir()
    whole, cut = (
        SERVICE.format(name="disk.whole", number=1),
        SERVICE.format(name="disk.cut", number=1) * 500,
    )
    (waiting / "whole.py").write_text(whole.replace("class disk.whole", "class Whole"))
    account, queued, lasts = Account(), Account(), sized(2.0, 20.0)
    sync = Clients(server.port, "/record", account, clients=2, pause=0.02, log="sync")
    accept = Clients(
        server.port,
        "/accept",
        queued,
        clients=2,
        batch=2,
        pause=0.02,
        patience=0.1,
        log="async",
        options={},
    )
    with sync, accept:
        wait_until(lambda: len(queued.acknowledged) > 40, 20, "calls are accepted")
        disk.fill()
        filled = time.monotonic()
        (waiting / "whole.py").rename(server.dir / "pickup/whole.py")
        with pytest.raises(OSError, match="No space left"):
            (server.dir / "pickup/cut.py").write_text(cut.replace("class disk.cut", "class Cut"))
        edits: list[Any] = []
        while time.monotonic() < filled + lasts:
            disk.fill()
            edits.append(
                status(
                    server,
                    "admin.channel.http.create",
                    name=f"e{len(edits)}",
                    url_path=f"/e{len(edits)}",
                    service="recorder.record",
                )
            )
        full = time.monotonic()
        disk.free()
        wait_until(
            lambda: any(a.began > full and not a.fault for a in accept.answers),
            BACK,
            "calls are accepted again",
        )
        back = time.monotonic() - full
        wait_until(
            lambda: (
                status(
                    server,
                    "admin.channel.http.create",
                    name="after",
                    url_path="/after",
                    service="recorder.record",
                )
                == 200
            ),
            BACK,
        )
    names = wait_until(
        lambda: _services(server) & {"disk.whole"} and _services(server),
        BACK,
        "what was moved in is deployed",
    )
    assert "disk.cut" not in names, "a file that was cut short is no service"
    (server.dir / "pickup/cut.py").write_text(
        SERVICE.format(name="disk.cut", number=2).replace("class disk.cut", "class Cut")
    )
    wait_until(lambda: "disk.cut" in _services(server), BACK, "the whole file is deployed")
    wait_until(
        lambda: (
            not (s := server.api("admin.queue.status")).get("error")
            and not s["queued"] + s["running"] + s["delayed"]
        ),
        60,
    )
    found = {item["name"] for item in server.api("admin.channel.http.list")["items"]}
    promised = {f"e{n}" for n, code in enumerate(edits) if code == 200}
    result, calls = (
        account.result(Receipts(outside / "sync").numbers()),
        queued.result(Receipts(outside / "async").numbers()),
    )
    print(
        f"full for {lasts:g} s: {len(edits)} changes, {len(promised)} of them done; "
        f"back after {back:.1f} s; {result}; queued: {calls}"
    )
    figure(
        "R18",
        faults=1,
        failed=len(sync.faults),
        requests=len(account.attempted),
        accepted=calls.acknowledged,
        lost=len(calls.lost) + len(promised - found),
        back_max=round(back, 1),
    )
    assert set(edits) <= {200, 503} and 503 in edits, edits
    assert within([back], BACK)
    assert promised <= found, "what was answered by 200 is there"
    assert not sync.faults and not sync.refusals, (sync.faults + sync.refusals)[:3]
    assert not accept.faults, accept.faults[:3]
    assert accept.refusals
    assert not calls.lost and not calls.unexpected
    assert not result.lost


PARTS = ("kvdb", "load-balancer", "server1", "server2")


@pytest.fixture
def small_cluster(mount, tmp_path) -> Iterator[tuple[Cluster, Disk]]:
    """A cluster, not started, whose folder is a disk of 12 MB."""
    cluster = Cluster(tmp_path)
    cluster.forked = False
    disk = mount(cluster.path, "12m")
    cluster.create()
    yield cluster, disk
    cluster.kill()


def keep_full(disk: Disk, cluster: Cluster) -> None:
    """Keep a disk full until Valkey, which ends when it cannot write, has ended."""
    before = valkey(cluster)
    assert before

    def ended() -> bool:
        disk.fill()
        return before != valkey(cluster)

    disk.fill()
    wait_until(ended, 30, "Valkey ends")


def valkey(cluster: Cluster) -> set[int]:
    return {process.pid for process in cluster.processes() if process.name() == "valkey-server"}


def goes_on(cluster: Cluster) -> float:
    """Wait until a cluster does everything again; returns the seconds."""
    began = time.monotonic()

    def whole() -> bool:
        try:
            answer = cluster.api("admin.server.status")
            queue = cluster.api("admin.queue.status")
        except requests.RequestException:
            return False
        serve = answer.ok and len(answer.json()["workers"]) == 4
        queues = queue.ok and not queue.json().get("error")
        return serve and queues and all(is_ready(cluster, server) for server in (0, 1))

    wait_until(whole, 2 * BACK, "the cluster goes on")
    back = time.monotonic() - began
    created = cluster.api(
        "admin.security.basic.create", name="after", username="after", password="after the fill"
    )
    assert created.status_code == 200, created.text
    return back


def is_ready(cluster: Cluster, server: int) -> bool:
    """Whether a server itself, past the load-balancer, says that it is ready; one that has been
    killed does not listen at first.
    """
    url = f"http://127.0.0.1:{cluster.base + 10 + server}/hansa/ready"
    try:
        return requests.get(url, timeout=5).status_code == 200
    except requests.ConnectionError:
        return False


def test_a_full_disk_ends_no_component_of_a_cluster(small_cluster, figure):
    cluster, disk = small_cluster
    cluster.run("start", cluster.path)
    before = {part: cluster.pid(part) for part in PARTS}
    keep_full(disk, cluster)
    assert requests.get(f"{cluster.front}/hansa/ready", timeout=10).status_code == 200
    disk.free()
    back = goes_on(cluster)
    assert {part: cluster.pid(part) for part in PARTS} == before
    figure("R18", faults=1, back_max=round(back, 1))
    assert within([back], BACK)
    cluster.run("stop", cluster.path)
    assert not cluster.processes()


def test_what_is_killed_while_the_disk_is_full_comes_back(small_cluster, figure):
    cluster, disk = small_cluster
    command = Foreground(cluster, "start", cluster.path, "--fg").started()
    keep_full(disk, cluster)
    for part in ("kvdb", "load-balancer", "server2"):
        os.kill(cluster.pid(part), signal.SIGKILL)
    wait_until(lambda: command.text.count("ended with status -9") == 3, 10)
    for _ in range(5):
        disk.fill()
        time.sleep(0.5)
    assert command.process.poll() is None
    disk.free()
    back = goes_on(cluster)
    figure("R18", faults=4, back_max=round(back, 1))
    assert within([back], BACK)
    command.interrupt()
    assert not cluster.processes()


def _services(server) -> set[str]:
    return {item["name"] for item in server.api("admin.service.list")["items"]}


def test_logs_that_cannot_be_written_fail_nothing(mount, start_server, tmp_path, figure):
    server = start_server(CONFIG, start=False)
    disk, outside = mount(server.dir / "logs", "1m"), tmp_path / "outside"
    started(server, outside)
    account = Account()
    with Clients(
        server.port, "/record", account, clients=4, get=2, pause=0.01, log="sync"
    ) as clients:
        wait_until(lambda: len(account.acknowledged) > 20, 20)
        disk.fill()
        seen = len(account.acknowledged)
        for number in range(5):
            disk.fill()
            name = f"log{number}"
            server.api(
                "admin.channel.http.create",
                name=name,
                url_path=f"/{name}",
                service="recorder.record",
            )
        wait_until(lambda: len(account.acknowledged) > seen + sized(100, 5000), 120)
        disk.free()
        server.api(
            "admin.channel.http.create",
            name="after-the-fill",
            url_path="/after",
            service="recorder.record",
        )
        seen = len(account.acknowledged)
        wait_until(lambda: len(account.acknowledged) > seen + 20, 20)
    result = account.result(Receipts(outside / "sync").numbers())
    figure(
        "R18",
        faults=1,
        failed=len(clients.faults),
        requests=len(account.attempted),
        lost=len(result.lost),
    )
    assert not clients.faults and not clients.refusals, (clients.faults + clients.refusals)[:3]
    assert not result.lost and not result.duplicates
    server.deploy(
        "late.py", SERVICE.format(name="late", number=1).replace("class late", "class Late")
    )
    wait_until(
        lambda: re.search(
            r"loaded late\.py version 1", (server.dir / "logs/server.log").read_text()
        ),
        10,
        "logs go on",
    )
