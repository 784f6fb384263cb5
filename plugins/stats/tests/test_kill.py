"""A worker that is killed loses at most the calls of a second, with a Redis and without one."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from hansa_devkit.harness.api_server import RunningServer
from hansa_devkit.harness.waiting import wait_until

SOURCE = """
from hansa import Service


class Get(Service):
    def handle(self):
        return {"price": 1}
"""
SECONDS = 5.0


@pytest.mark.proof
@pytest.mark.evidence("kills")
@pytest.mark.parametrize("plugins", [["stats", "redis"], ["stats"]], ids=["redis", "odb"])
def test_a_killed_worker_loses_at_most_a_second(
    start_server: Callable[..., RunningServer], plugins: list[str]
):
    server = start_server(workers=2, plugins=plugins)
    server.deploy("orders.py", SOURCE)
    server.api(
        "admin.channel.http.create",
        name="orders",
        url_path="/orders",
        service="orders.get",
        format="json",
    )

    def counted() -> int:
        answer: dict[str, Any] = server.api(
            "admin.statistics.summary", by="channel", name="http orders"
        )
        number: int = answer["figures"]["count"]
        return number

    def load(end: float) -> list[float]:
        answered = []
        while time.monotonic() < end:
            try:
                if server.get("/orders").status_code == 200:
                    answered.append(time.monotonic())
            except requests.ConnectionError:
                continue
        return answered

    end = time.monotonic() + SECONDS
    with ThreadPoolExecutor(4) as pool:
        loads = [pool.submit(load, end) for _ in range(4)]
        time.sleep(SECONDS / 2)
        killed_at = time.monotonic()
        server.workers()[0].kill()
    answered = [moment for done in loads for moment in done.result()]
    # a batch takes a moment to be stored, too
    at_risk = sum(killed_at - 1.25 < moment < killed_at + 0.25 for moment in answered)
    wait_until(lambda: counted() >= len(answered) - at_risk)
    assert len(answered) > 100
