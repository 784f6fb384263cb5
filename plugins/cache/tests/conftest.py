"""Caches of two workers of one cluster: over a real Valkey, and in files of a server without Redis."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hansa_cache.caches import Caches
from hansa_cache.settings import CacheSettings
from hansa_devkit import LocalServer
from hansa_devkit.servers_redis import Valkey
from hansa_redis.bus import RedisBus


class Workers:
    """Two workers that share caches."""

    def __init__(self, folder: Path, address: str | None) -> None:
        name = f"test-{uuid.uuid4().hex}"
        self.caches: list[Caches] = []
        for _ in range(2):
            bus = None if address is None else RedisBus(address, name)
            self.caches.append(Caches(LocalServer(bus=bus, directory=folder)))

    @property
    def one(self) -> Caches:
        return self.caches[0]

    @property
    def other(self) -> Caches:
        return self.caches[1]

    def define(self, name: str = "rates", **settings: Any) -> None:
        """Have settings count in both."""
        for caches in self.caches:
            caches.put(object(), name, CacheSettings(**settings))

    def close(self) -> None:
        for caches in self.caches:
            caches.close()


@pytest.fixture(params=["redis", "files"])
def workers(
    request: pytest.FixtureRequest, tmp_path: Path, real_server: Callable[..., Any]
) -> Iterator[Workers]:
    address = str(real_server(Valkey).address) if request.param == "redis" else None
    made = Workers(tmp_path, address)
    made.define()
    yield made
    made.close()
