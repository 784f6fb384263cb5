"""A cluster whose ODB and Redis are real servers that tests take away, each server reaching them
through proxies of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests
from hansa_devkit.faults import Mode, Proxy
from hansa_devkit.harness.waiting import wait_until
from hansa_devkit.servers_redis import Redis, Valkey
from hansa_devkit.servers_sql import MariaDB, PostgreSQL, SqlServer

from tests.cluster.running import SERVERS, RunningCluster

PAIRS: dict[str, tuple[str, type[SqlServer], type[Redis]]] = {
    "postgresql-redis": ("postgresql", PostgreSQL, Redis),
    "mariadb-valkey": ("mysql", MariaDB, Valkey),
}
_running: dict[str, DependentCluster] = {}


class DependentCluster(RunningCluster):
    """Two servers behind HAProxy; `odb` and `redis` are what they depend on, `odb_proxies` and
    `redis_proxies` the ways there.
    """

    def __init__(self, folder: Path, pair: str) -> None:
        super().__init__(folder)
        self.type, odb, redis = PAIRS[pair]
        self._opened = ExitStack()
        self.odb, self.redis = (
            self._opened.enter_context(odb()),
            self._opened.enter_context(redis()),
        )
        self.odb_proxies = {
            name: self._opened.enter_context(Proxy(self.odb.port)) for name in SERVERS
        }
        self.redis_proxies = {
            name: self._opened.enter_context(Proxy(self.redis.port)) for name in SERVERS
        }

    def create(self, *words: str) -> Any:
        """Create it, and lead each server through its own proxies."""
        database = self.odb.database().rpartition("/")[2]
        ways = str(self.odb_proxies["server1"].port), str(self.redis_proxies["server1"].port)
        self.env |= {
            "HANSA_ODB_PASSWORD": self.odb.password,
            "HANSA_KVDB_PASSWORD": self.redis.password,
        }
        odb = [self.type, "127.0.0.1", ways[0], self.odb.user, database]
        done = super().create(*odb, "127.0.0.1", ways[1], *words)
        config = self.path / "server2/config.toml"
        text = config.read_text()
        for way, proxies in zip(ways, (self.odb_proxies, self.redis_proxies), strict=True):
            text, count = re.subn(
                rf"(@127\.0\.0\.1:){way}\b", rf"\g<1>{proxies['server2'].port}", text
            )
            assert count == 1, text
        config.write_text(text)
        return done

    def odb_ways(self, mode: Mode, *servers: str) -> None:
        """Set the mode of the ways to the ODB, of these servers or of all."""
        for server in servers or SERVERS:
            self.odb_proxies[server].mode = mode

    def redis_ways(self, mode: Mode, *servers: str) -> None:
        """Set the mode of the ways to Redis, of these servers or of all."""
        for server in servers or SERVERS:
            self.redis_proxies[server].mode = mode

    def heal(self) -> None:
        """Bring back whatever is away."""
        for server in (self.odb, self.redis):
            server.resume()
            if not server.processes():
                server.start()
        self.odb_ways("pass")
        self.redis_ways("pass")

    def own_api(self, server: str, service: str, /, **settings: Any) -> requests.Response:
        """Call an admin service of one server, past the load-balancer."""
        url = f"http://127.0.0.1:{self.base + 10 + SERVERS.index(server)}/hansa/api/{service}"
        return requests.post(url, json=settings, auth=("admin", self.password), timeout=60)

    def works(self) -> bool:
        """Whether changes are stored and known to every worker."""
        answer = self.api("admin.channel.http.edit", name="record", url_path="/record")
        if answer.status_code == 503:
            return False
        assert answer.ok, answer.text
        return not answer.json()["pending"]

    def close(self) -> None:
        """End everything; processes must not be left behind by a stop in good order."""
        try:
            self.heal()
            self.run("stop", self.path)
            wait_until(lambda: not self.processes(), 10, "every process has ended")
        finally:
            self.kill()
            self._opened.close()


@pytest.fixture(scope="session")
def dependent_clusters(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[str], DependentCluster]]:
    """Give the cluster over a pair of servers, one for the whole run however many files ask for it."""

    def give(pair: str) -> DependentCluster:
        if pair not in _running:
            made = DependentCluster(tmp_path_factory.mktemp("dependent"), pair)
            try:
                made.make()
            except BaseException:
                made.kill()
                raise
            _running[pair] = made
        return _running[pair]

    yield give
    while _running:
        _running.popitem()[1].close()


@pytest.fixture
def dependent(
    request: pytest.FixtureRequest, dependent_clusters: Callable[[str], DependentCluster]
) -> Iterator[DependentCluster]:
    """The cluster over the pair that the test is parametrised with, whole before and after."""
    cluster = dependent_clusters(request.param)
    cluster.heal()
    cluster.whole()
    yield cluster
    cluster.heal()
