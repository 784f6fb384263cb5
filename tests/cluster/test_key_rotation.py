"""The key of secrets is replaced while both servers serve, and while definitions with secrets are
changed: nobody is refused, and everything stays readable.
"""

from __future__ import annotations

import subprocess
import threading
import time

from hansa_devkit.harness.waiting import wait_until

from tests.cluster.accounting import Account
from tests.cluster.running import BIN, SERVERS, sized

KILLED = sized(3, 12)
"""How often the command is killed."""


def test_the_key_is_replaced_under_load(cluster, figure):
    """With the command killed at any moment, and with changes of secrets all the while."""
    secret = {"username": "outside", "password": "s", "signs": True}
    cluster.must("admin.security.basic.create", name="rotating", **secret)
    before = {server: (cluster.path / server / "secret.key").read_text() for server in SERVERS}
    account, failed, stopping = Account(), [], threading.Event()

    def change() -> None:
        number = 0
        while not stopping.wait(0.05):
            number += 1
            answer = cluster.api(
                "admin.security.basic.edit", name="rotating", password=f"s{number}"
            )
            if not answer.ok:
                failed.append(answer.text)

    changing = threading.Thread(target=change)
    changing.start()
    try:
        with cluster.clients(
            "/record", account, clients=8, get=2, log="key", pause=0.01
        ) as clients:
            wait_until(lambda: len(account.acknowledged) > 100, 20)
            for _ in range(KILLED):
                _kill_it(cluster, cluster.rng.uniform(0.3, 2.5))
            cluster.run("key", "rotate", "--dir", cluster.path)
            began = time.monotonic()
            said = cluster.run("key", "rotate", "--dir", cluster.path).stdout
            seconds = round(time.monotonic() - began, 1)
            going_on = len(account.acknowledged) + 200
            wait_until(lambda: len(account.acknowledged) > going_on, 20)
    finally:
        stopping.set()
        changing.join(30)
    result = account.result(cluster.receipts("key").numbers())
    after = {server: (cluster.path / server / "secret.key").read_text() for server in SERVERS}
    figure(
        "R23",
        requests=result.acknowledged,
        failed=len(clients.faults),
        killed=KILLED,
        seconds=seconds,
    )
    assert not clients.faults, clients.faults[:3]
    assert not failed, failed[:3]
    assert not result.lost
    assert "all that it has stored is encrypted anew" in said
    assert len(set(after.values())) == 1
    assert not set(after.values()) & set(before.values())
    for server in SERVERS:
        kept = (cluster.path / server).glob("secret.key.old-*")
        assert before[server] in {path.read_text() for path in kept}
    assert cluster.run("check-config", cluster.path).returncode == 0
    cluster.run("cluster", "restart", "--dir", cluster.path)
    cluster.whole()
    cluster.must("admin.security.basic.edit", name="rotating", realm="x")
    (cluster.path / "server2" / "secret.key").write_text(before["server2"])
    wrong = cluster.run("check-config", cluster.path / "server2", check=False)
    assert "not the one of this cluster" in wrong.stderr
    (cluster.path / "server2" / "secret.key").write_text(after["server2"])


def _kill_it(cluster, seconds: float) -> None:
    """Begin a rotation, and kill the command after so many seconds, unless it is done."""
    command = [str(BIN / "hansa"), "key", "rotate", "--dir", str(cluster.path)]
    process = subprocess.Popen(command, env=cluster.env, stdout=subprocess.PIPE)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
