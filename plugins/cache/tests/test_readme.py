"""The README's example, as pasted into a real server: its config.toml, its service, its commands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hansa_devkit.harness.api_server import RunningServer
from hansa_devkit.harness.readme import ReadmeExample

from tests.commands import hansa

pytestmark = pytest.mark.evidence("real_server")


def test_the_example_works(start_server: Callable[..., RunningServer]):
    example = ReadmeExample(Path(__file__).parents[1])
    plugins = ["cache", "redis"]
    server = start_server(example.config, files=example.files, workers=1, plugins=plugins)
    for currency in ("USD", "USD", "EUR"):
        answer = server.get(f"/rates/{currency}")
        assert answer.json() == {"currency": currency, "rate": "1.22"}
    said = [hansa(server, *command).stdout for command in example.commands]
    assert len(said) == 4
    assert server.get("/rates/EUR").json() == {"rate": "1.1"}
    assert said[1].split() == ["EUR"]
    # entries, and what was found and not found
    [rates] = [line.split() for line in said[2].splitlines() if line.startswith("rates")]
    assert (rates[1], rates[3:5]) == ("2", ["1", "2"])
    assert server.api("admin.data.cache.get", name="sessions")["max_items"] == 500
