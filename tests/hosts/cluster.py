"""The cluster under test: engines, hosts that join it as an operator would make them, and a service."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from hansa_authority.authority import certificate_file
from hansa_devkit.harness.waiting import wait_until

from tests.hosts.engines import HostPostgreSQL, HostRedis
from tests.hosts.load import PATH, SOURCE, Load
from tests.hosts.network import NETWORK, Host, Network

CLUSTER: Final = "production"


class HostsCluster:
    """A cluster whose authority and first server are on the host `one`; a context manager."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.engines = network.host("engines")
        self.clients = network.host("clients")
        self.one = network.host("one")
        self.notes = network.folder / "notes"
        self.postgresql: HostPostgreSQL | None = None
        self.redis: HostRedis | None = None

    def folder(self, host: Host) -> Path:
        """The folder of the cluster on a host."""
        return host.folder / "cluster"

    @property
    def ca(self) -> Path:
        """The certificate of the cluster's authority."""
        return certificate_file(self.folder(self.one) / "ca")

    def __enter__(self) -> HostsCluster:
        """Make the authority, certificates for the engines by it, the engines, and the cluster."""
        one, folder = self.one, self.folder(self.one)
        one.hansa("ca", "create", "ca", str(folder / "ca"))
        address = self.engines.address
        self.postgresql = HostPostgreSQL(folder / "ca", address)
        self.redis = HostRedis(folder / "ca", address)
        try:
            with self.engines.network():
                self.postgresql.start()
                self.redis.start()
            self.create()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for engine in (self.postgresql, self.redis):
            if engine is not None:
                engine.close()

    def create(self) -> None:
        """Create the cluster and its first server, and start both."""
        assert self.postgresql is not None
        assert self.redis is not None
        folder = str(self.folder(self.one))
        urls = ["--odb", self.postgresql.host_url, "--redis", self.redis.host_url]
        where = ["--address", self.one.address, "--network", NETWORK, "--cluster-name", CLUSTER]
        secrets = {
            "HANSA_ODB_PASSWORD": self.postgresql.password,
            "HANSA_KVDB_PASSWORD": self.redis.password,
        }
        self.one.hansa("create", "cluster", folder, *urls, *where, variables=secrets)
        self.one.hansa("create", "server", folder)
        self.one.hansa("start", folder)

    def token(self, role: str, *options: str) -> str:
        """Make a token on the authority's host."""
        said = self.one.hansa(
            "create", "token", str(self.folder(self.one)), "--for", role, *options
        )
        return said.strip()

    def join(self, name: str, role: str, *options: str) -> Host:
        """Have a host, which is made if there is none of this name, join and start."""
        host = self.network.hosts.get(name) or self.network.host(name)
        folder = str(self.folder(host))
        host.hansa("join", self.token(role, *options), folder)
        host.hansa("start", folder)
        return host

    def deploy(self) -> None:
        """Deploy the service on the first host, and give it an address."""
        source = self.one.folder / "counting.py"
        source.write_text(SOURCE.replace("NOTES", str(self.notes)))
        folder = str(self.folder(self.one))
        self.one.hansa("deploy", str(source), "--dir", folder)
        settings = ["--url-path", PATH, "--service", "counting.take", "--format", "json"]
        self.one.hansa("channel", "http", "create", "count", *settings, "--dir", folder)

    def load(self, balancer: Host, clients: int = 4) -> Load:
        """Return clients that ask a load-balancer."""
        return Load(self.clients, f"{balancer.address}:11224", self.ca, clients)

    def noted(self) -> set[int]:
        """Return the numbers that were noted."""
        text = self.notes.read_text() if self.notes.exists() else ""
        return {int(line) for line in text.splitlines() if line.isdigit()}

    def check_none_lost(self, taken: list[int]) -> None:
        """Check that whatever was taken is noted in the end."""
        wait_until(
            lambda: set(taken) <= self.noted(),
            90,
            lambda: f"lost: {sorted(set(taken) - self.noted())[:10]} of {len(taken)}",
        )

    def console(self, host: Host, name: str) -> str:
        """Return what a component has logged, for the messages of tests."""
        logs = (self.folder(host) / name / "logs").glob("*.log")
        return "\n".join(file.read_text(errors="replace")[-3000:] for file in logs)
