"""A cluster whose engines are nowhere, with the real process of its authority on a free port."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hansa_authority.authority import create_authority
from hansa_devkit.harness.forked import ForkedCommand
from hansa_devkit.harness.ports import free_port
from hansa_devkit.harness.waiting import wait_until
from hansa_hosts.cluster import AUTHORITY, Cluster
from hansa_hosts.creation import create_token, write_cluster
from hansa_hosts.roles import role_of

IMPORTED = ("hansa_cli.commands", "hansa_hosts.commands", "hansa_hosts.process")


def a_cluster(address: str, network: str = "127.0.0.0/8") -> Cluster:
    """A cluster whose engines nobody reaches."""
    nowhere = f"127.0.0.1:{free_port()}"
    return Cluster(
        "production",
        address,
        network,
        f"postgresql+psycopg://u:secret-of-odb@{nowhere}/hansa",
        f"redis://:secret-of-redis@{nowhere}/0",
        "durable",
    )


def make_cluster(folder: Path, cluster: Cluster) -> Path:
    """Write what `hansa create cluster` does, without its engines."""
    create_authority(folder / AUTHORITY)
    write_cluster(folder, cluster, ())
    return folder


class Running:
    """A cluster whose authority runs."""

    def __init__(self, folder: Path) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        self.cluster = a_cluster(self.address)
        self.folder = make_cluster(folder / "first", self.cluster)
        printed = folder / "printed"
        printed.mkdir()
        home = self.folder / AUTHORITY
        self.process = ForkedCommand(
            ["authority", "run", "--config", str(home / "config.toml"), "--dir", str(home)],
            folder,
            {**os.environ, "HANSA_CONSOLE": "off"},
            printed / "output",
            printed / "errors",
            imported=IMPORTED,
        )
        wait_until(lambda: "authority is at" in self.process.said(), 30, "the authority")

    def token(self, role: str, name: str = "", hosts: tuple[str, ...] = ()) -> str:
        """Make a token."""
        return create_token(self.folder, role_of(role), name, hosts, 5)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The authority of a cluster, for all tests of a file."""
    made = Running(tmp_path_factory.mktemp("hosts"))
    try:
        yield made
    finally:
        made.process.terminate()
        made.process.wait(30)
