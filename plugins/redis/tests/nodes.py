"""Processes of the server program with lines of configuration: single nodes, and a Redis Cluster of
three primaries, each with a replica.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis
from hansa_devkit.harness.ports import free_port, free_ports
from hansa_devkit.harness.waiting import wait_until
from hansa_redis.engine import find_program
from redis.cluster import ClusterNode, RedisCluster

PASSWORD = "se/cr@et"
QUOTED = "se%2Fcr%40et"
NODE_TIMEOUT = 1000
"""Milliseconds after which the nodes of a cluster hold one to have failed."""
PRIMARIES = 3
LAST_SLOT = 16383


class Node:
    """A process of the server program with lines of configuration."""

    def __init__(
        self,
        folder: Path,
        *lines: str,
        port: int = 0,
        program: str = "",
        password: str | None = PASSWORD,
        sentinel: bool = False,
    ) -> None:
        self.port = port or free_port()
        path = folder / f"{self.port}.conf"
        text = ["bind 127.0.0.1", f"port {self.port}", f"dir {folder}", 'save ""', *lines]
        path.write_text("\n".join(text) + "\n")
        self.command = [program or find_program(), str(path), *(["--sentinel"] if sentinel else [])]
        self.process = self.launch()
        self.client = redis.Redis("127.0.0.1", self.port, password=password, decode_responses=True)

    def launch(self) -> subprocess.Popen:
        """Start the process; also again, after it was killed."""
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL)
        return self.process

    def answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.RedisError:
            return False

    def info(self, section: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.info(section)
        return found

    def run(self, command: str) -> Any:
        """Run a command, given in one line."""
        return self.client.execute_command(*command.split())

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        os.kill(self.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.process.pid, signal.SIGCONT)

    def end(self) -> None:
        self.client.close()
        self.kill()


class Cluster:
    """The nodes of a Redis Cluster: three primaries, and a replica of each."""

    def __init__(self, folder: Path, *lines: str, primaries: int = PRIMARIES) -> None:
        self.primaries = primaries
        first = free_ports(4 * primaries)
        self.nodes = [
            Node(
                folder,
                f"requirepass {PASSWORD}",
                f"masterauth {PASSWORD}",
                "cluster-enabled yes",
                f"cluster-config-file {port}.nodes",
                f"cluster-port {port + 1}",
                f"cluster-node-timeout {NODE_TIMEOUT}",
                "cluster-replica-validity-factor 0",
                "repl-diskless-sync-delay 0",
                *lines,
                port=port,
            )
            for port in range(first, first + 4 * primaries, 2)
        ]

    @property
    def places(self) -> str:
        return ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    @property
    def address(self) -> str:
        """The address, with its password."""
        return f"redis+cluster://:{QUOTED}@{self.places}"

    @property
    def public_address(self) -> str:
        """The address without its password."""
        return f"redis+cluster://{self.places}"

    def form(self) -> Cluster:
        """Have the nodes meet, and share the slots."""
        wait_until(lambda: all(node.answers() for node in self.nodes), 20)
        share = (LAST_SLOT + 1) // self.primaries
        for index, node in enumerate(self.nodes):
            node.run(f"CLUSTER SET-CONFIG-EPOCH {index + 1}")
            if index < self.primaries:
                last = LAST_SLOT if index == self.primaries - 1 else (index + 1) * share - 1
                node.run(f"CLUSTER ADDSLOTSRANGE {index * share} {last}")
        # only now: a node that another one knows already takes no epoch
        for node in self.nodes:
            for other in self.nodes:
                if other is not node:
                    node.run(f"CLUSTER MEET 127.0.0.1 {other.port} {other.port + 1}")
        wait_until(lambda: all(self._has_met_all(node) for node in self.nodes), 20)
        for primary, replica in self.pairs():
            replica.run(f"CLUSTER REPLICATE {primary.run('CLUSTER MYID')}")
        self.wait_until_whole()
        return self

    def pairs(self) -> list[tuple[Node, Node]]:
        """The first primaries and their replicas, whoever of the two is the primary now."""
        return list(zip(self.nodes[: self.primaries], self.nodes[self.primaries :], strict=True))

    def wait_until_whole(self, seconds: float = 20) -> None:
        """Wait until all nodes hold the cluster to be whole, and all replicas are in step."""
        wait_until(lambda: all(self._is_well(node) for node in self.nodes), seconds)

    def primary_of(self, key: str) -> Node:
        """The node that holds a key."""
        slot = key_slot(key)
        for node in self.nodes:
            if not node.answers() or node.info("replication")["role"] != "master":
                continue
            if any(first <= slot <= last for first, last in self._slots(node)):
                return node
        raise AssertionError(f"no node holds slot {slot}")

    def other_of(self, node: Node) -> Node:
        """The replica of a primary, or the primary of a replica."""
        for pair in self.pairs():
            if node in pair:
                return pair[1] if node is pair[0] else pair[0]
        raise AssertionError("not a node of this cluster")

    def fail_over(self, key: str) -> None:
        """Have the replica of the node that holds a key take its place."""
        before = self.primary_of(key)
        replica = self.other_of(before)
        replica.run("CLUSTER FAILOVER")
        wait_until(lambda: replica.info("replication")["role"] == "master", 20)

    @contextmanager
    def moving(self, key: str) -> Iterator[Node]:
        """Have the slot of a key be on its way to another node, which is yielded; in the end it
        stays where it was.
        """
        slot = key_slot(key)
        source = self.primary_of(key)
        others = (self.primary_of(str(number)) for number in range(100))
        target = next(node for node in others if node is not source)
        target.run(f"CLUSTER SETSLOT {slot} IMPORTING {source.run('CLUSTER MYID')}")
        source.run(f"CLUSTER SETSLOT {slot} MIGRATING {target.run('CLUSTER MYID')}")
        try:
            yield target
        finally:
            for node in (source, target):
                node.run(f"CLUSTER SETSLOT {slot} STABLE")

    def open(self) -> RedisCluster:
        """A client of redis-py, to look from outside."""
        nodes = [ClusterNode("127.0.0.1", node.port) for node in self.nodes]
        return RedisCluster(startup_nodes=nodes, password=PASSWORD, decode_responses=True)

    def end(self) -> None:
        for node in self.nodes:
            node.end()

    def _has_met_all(self, node: Node) -> bool:
        known = node.client.cluster("nodes").values()
        shaking = any("handshake" in each["flags"] for each in known)
        return len(known) == len(self.nodes) and not shaking

    def _is_well(self, node: Node) -> bool:
        try:
            state = node.client.cluster("info")
            role = node.info("replication")
            own = node.client.cluster("nodes")
        except redis.RedisError:
            return False
        whole = state["cluster_state"] == "ok" and int(state["cluster_known_nodes"]) == len(
            self.nodes
        )
        calm = not any("fail" in each["flags"] for each in own.values())
        if role["role"] == "master":
            return whole and calm and role["connected_slaves"] == 1
        return whole and calm and role["master_link_status"] == "up"

    def _slots(self, node: Node) -> list[tuple[int, int]]:
        own = next(
            each for each in node.client.cluster("nodes").values() if "myself" in each["flags"]
        )
        return [(int(span[0]), int(span[-1])) for span in own["slots"]]


def make_certificate(folder: Path, *names: str) -> tuple[Path, Path]:
    """Make a certificate that is its own authority, for names such as `DNS:localhost`; returns the
    files of certificate and key.
    """
    certificate = folder / "certificate.pem"
    key = folder / "key.pem"
    request = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext"
    subprocess.run(
        [
            *request.split(),
            f"subjectAltName={','.join(names)}",
            "-keyout",
            str(key),
            "-out",
            str(certificate),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key


def tls_lines(port: int, certificate: Path, key: Path) -> list[str]:
    """Lines of configuration that have a node serve TLS at a port, too."""
    return [
        f"tls-port {port}",
        f"tls-cert-file {certificate}",
        f"tls-key-file {key}",
        f"tls-ca-cert-file {certificate}",
        "tls-auth-clients no",
    ]


def program_with_tls() -> str:
    """The distribution's Redis, if it was built with TLS; else empty."""
    program = shutil.which("redis-server")
    if program is None:
        return ""
    libraries = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
    return program if "libssl" in libraries else ""


def key_slot(key: str) -> int:
    """The slot of a key, by redis-py."""
    return redis.crc.key_slot(key.encode())


def works(call: Callable[[], object]) -> bool:
    """Whether a call succeeds; a Redis that is away is no success."""
    try:
        call()
    except (redis.RedisError, OSError):
        return False
    return True
