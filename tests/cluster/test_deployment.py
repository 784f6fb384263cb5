"""R11: a service deployed over and over under load, by every way there is, sometimes faulty; all
workers follow, none is mixed.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import requests
from hansa_devkit.harness.api_server import ApiError
from hansa_devkit.harness.waiting import wait_until

from tests.cluster.accounting import Account, percentile
from tests.cluster.clients import Answer, Clients
from tests.cluster.running import FULL, SERVERS, WORKERS, sized, within

SOURCE = (Path(__file__).parent / "recorder.py").read_text()
BAD = {
    "syntax error": "def broken(:\n",
    "import error": "import a_module_that_is_not_there\n",
    "error at import": "raise RuntimeError('not today')\n",
    "end at import": "import os; os._exit(0)\n",
}
P95, MOST = 2.0, 10.0  # seconds


def source(cluster, version: int, more: str = "") -> str:
    """Version N of the services that record."""
    text = SOURCE.replace('"."', repr(str(cluster.outside)), 1).replace(
        "VERSION = 1 ", f"VERSION = {version} ", 1
    )
    return text + more


@pytest.fixture
def versions(cluster):
    """The channel of the service that changes, at version 1."""
    cluster.must("admin.service.deploy", file="versions.py", source=source(cluster, 1))
    cluster.must(
        "admin.channel.http.create",
        name="v",
        url_path="/v",
        service="versions.record",
        format="json",
    )
    yield
    cluster.must("admin.channel.http.delete", name="v")


def applied(version: int, clients: Clients) -> bool:
    """Whether every worker was seen to answer with a version."""
    latest = [answer.told for answer in clients.answers[-500:]]
    return (
        len({told["pid"] for told in latest if told.get("version") == version})
        == len(SERVERS) * WORKERS
    )


def test_many_versions_under_load(cluster, versions, figure):
    count, requests_ = sized((8, 1_000), (50, 10_000))
    account, began_at, by_api = Account(), {1: 0.0}, []
    errors: list[str] = []
    endless = threading.Thread(target=lambda: errors.append(refusal(cluster, "while True: pass\n")))
    memory = cluster.memory()
    with cluster.clients("/v", account, get=2, clients=12, pause=0.03, log="versions") as clients:
        endless.start()
        bad = itertools.cycle(BAD)
        for version in range(2, count + 2):
            began_at[version] = time.monotonic()
            if version % 3:
                told = cluster.must(
                    "admin.service.deploy", file="versions.py", source=source(cluster, version)
                )
                by_api.append(time.monotonic() - began_at[version])
                assert not told.get("pending"), told
            else:  # through the folder of one server or the other
                folder = cluster.path / SERVERS[version % 2] / "pickup/incoming/services"
                (folder / ".versions").write_text(source(cluster, version))
                (folder / ".versions").replace(folder / "versions.py")
            wait_until(
                lambda version=version: applied(version, clients),
                MOST,
                f"version {version} everywhere",
            )
            if version % 2:
                name = next(bad)
                assert refusal(cluster, BAD[name]), name
        wait_until(lambda: len(account.acknowledged) >= requests_, 120)
        endless.join(30)
    result = account.result(cluster.receipts("versions").numbers())
    lags = {
        version: max(
            (
                answer.began
                for answer in clients.answers
                if answer.told.get("version", version) < version
            ),
            default=0.0,
        )
        - began_at[version]
        for version in range(2, count + 2)
    }
    growth = (cluster.memory() - memory) / (len(SERVERS) * WORKERS) / 1e6
    p95, most = percentile(lags.values(), 0.95), max(lags.values())
    print(
        f"{count} versions, {result}, old version for {p95:.2f} s (p95), {most:.2f} s "
        f"at most; {growth:.1f} MB a worker"
    )
    figure(
        "R11",
        versions=count,
        requests=result.acknowledged,
        failed=len(clients.faults),
        run_twice=result.duplicates,
        p95_s=round(p95, 2),
        max_s=round(most, 2),
        api_p95_s=round(percentile(by_api, 0.95), 2),
        growth_mb_per_100=round(growth * 100 / count, 1),
    )
    assert not clients.faults, clients.faults[:3]
    assert not result.lost
    assert not result.recovered
    assert not result.duplicates
    assert errors and "versions.py" in errors[0], "the endless import was refused, too"
    assert all(answer.told["version"] == answer.told["again"] for answer in clients.answers), (
        "never mixed"
    )
    assert not went_back(clients.answers), "no worker goes back"
    assert p95 <= P95 if FULL else within(list(lags.values()), P95)
    assert most <= MOST


def went_back(answers) -> list[Answer]:
    """The answers with an older version than one that the same worker had finished before they
    began.
    """
    found: list[Any] = []
    newest: defaultdict[Any, int] = defaultdict(int)
    ended = sorted(answers, key=lambda answer: answer.ended)
    done = 0
    for answer in sorted(answers, key=lambda answer: answer.began):
        while ended[done].ended < answer.began:
            pid = ended[done].told["pid"]
            newest[pid] = max(newest[pid], ended[done].told["version"])
            done += 1
        if answer.told["version"] < newest[answer.told["pid"]]:
            found.append(answer)
    return found


def refusal(cluster, text: str) -> str:
    """What the deployment of a faulty source is refused with."""
    with pytest.raises(ApiError) as caught:
        cluster.must("admin.service.deploy", file="versions.py", source=text)
    assert caught.value.status < 500, caught.value
    return str(caught.value.problem)


def test_a_version_without_the_class_that_a_channel_needs_is_refused(cluster, versions):
    reason = refusal(cluster, source(cluster, 2).replace("class Record(", "class Recorded("))
    assert "versions.record" in reason
    assert (
        requests.get(f"{cluster.front}/v?log=removed&number=1", timeout=10).json()["version"] == 1
    )


def test_a_server_that_was_down_has_the_newest_version_before_it_is_ready(
    cluster, versions, figure
):
    cluster.run("stop", cluster.path / "server2")
    cluster.must("admin.service.deploy", file="versions.py", source=source(cluster, 2))
    cluster.run("start", cluster.path / "server2")  # ends when the server is ready
    ready = time.monotonic()
    url = f"http://127.0.0.1:{cluster.base + 11}/v?log=later&number="
    told = [requests.get(url + str(number), timeout=10).json() for number in range(40)]
    seconds = time.monotonic() - ready
    behind = sum(answer["version"] != 2 for answer in told)
    figure("R11 down", asked=len(told), old_versions=behind, seconds=round(seconds, 1))
    assert {answer["server"] for answer in told} == {"server2"}
    assert not behind
    assert seconds <= 10
