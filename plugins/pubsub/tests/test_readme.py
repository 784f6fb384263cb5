"""The README's example, as pasted into a real server: its config.toml, its services, its commands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hansa_devkit.harness.api_server import RunningServer
from hansa_devkit.harness.readme import ReadmeExample
from hansa_devkit.harness.waiting import wait_until

from tests.commands import hansa

pytestmark = pytest.mark.evidence("real_server")


def test_the_example_works(start_server: Callable[..., RunningServer]):
    example = ReadmeExample(Path(__file__).parents[1])
    plugins = ["pubsub", "queue", "redis", "http", "json"]
    server = start_server(example.config, files=example.files, workers=1, plugins=plugins)
    first = server.post("/order", {"item": 1}).json()["id"]
    wait_until(lambda: f"{first} of orders.new: {{'item': 1}}" in server.log(), 30, server.log)
    publish, status, list_, pause = example.commands
    second = hansa(server, *publish).stdout.strip()
    wait_until(lambda: f"{second} of orders.new: {{'item': 3}}" in server.log(), 30, server.log)
    assert "billing" in hansa(server, *status).stdout
    listed = hansa(server, *list_).stdout
    # the first has the higher priority
    assert 0 < listed.index(first) < listed.index(second)
    hansa(server, *pause)
    assert server.api("admin.subscription.get", name="billing")["paused"]
    server.api("admin.service.invoke", name="orders.archive")
    assert "archived {'item': 1}" in server.log() and "archived {'item': 3}" in server.log()
    assert server.api("admin.pubsub.list", subscription="archive")["total"] == 0
