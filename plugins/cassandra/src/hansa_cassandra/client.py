"""The driver's client of one cluster: how it is made, watched and closed."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable

from cassandra import ConsistencyLevel
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session
from cassandra.connection import Connection
from cassandra.policies import (
    DCAwareRoundRobinPolicy,
    ExponentialReconnectionPolicy,
    HostStateListener,
    TokenAwarePolicy,
)
from cassandra.pool import Host
from cassandra.query import dict_factory
from hansa import HansaError, TimedOut, Unavailable, call_within

from .errors import CHECK_ADDRESSES, connecting
from .event_loop import EventLoop, connection_class
from .nodes import Node, Nodes, contact_points
from .retries import Retries
from .settings import CassandraSettings
from .values import raw_rows

PROFILE = "hansa"
"""How the driver carries out the calls of services; code that has its session has its own."""
HEARTBEAT = 10.0
"""Seconds after which a node is asked whether it is there, if nothing else was."""
LONGEST_PAUSE = 30.0
"""Seconds between attempts to reach a node that is gone, while others are there."""

# the driver logs every attempt to connect; the state of the object says it once
logging.getLogger("cassandra").setLevel(logging.CRITICAL + 1)


class Client(HostStateListener):  # type: ignore[misc] # the driver has no types
    """A cluster and a session with it; `lost` is told when no node is left."""

    def __init__(
        self, config: CassandraSettings, label: str, lost: Callable[[BaseException], None]
    ) -> None:
        self._config = config
        self._label = label
        self._lost = lost
        self._loop = EventLoop()
        self._loop.on_closed = self._closed
        self._cluster: Cluster | None = None

    def connect(self) -> Session:
        """Reach one node, and learn of the others; raises `Unavailable` or `TimedOut`."""
        config = self._config
        points = contact_points(config, self._label)
        self._cluster = self._made(points)
        self._cluster.register_listener(self)
        seconds = config.connect_timeout * (len(points) + 1)
        try:
            return call_within(seconds, self._label, self._session, Session.shutdown)
        except TimedOut as error:
            self._loop.abort()
            raise TimedOut(f"{error.detail}; {CHECK_ADDRESSES}") from None
        except HansaError:
            raise
        except Exception as error:
            refusal = next(iter(self._loop.refusals.values()), None)
            raise connecting(error, self._label, refusal, config.tls) from None

    def close(self) -> None:
        """Close all connections, and end the threads."""
        self._loop.abort()
        if self._cluster is not None:
            self._cluster.shutdown()
        self._loop.close()

    def nodes(self) -> tuple[int, int]:
        """Return how many nodes are reached, and how many are called."""
        hosts = self._hosts()
        called = [host for host in hosts if host.is_up is not None]
        return sum(1 for host in called if host.is_up), len(called)

    # -- what the driver tells -----------------------------------------------------------------------

    def on_down(self, host: Host) -> None:
        """Tell that the cluster is lost once no node is left."""
        if self._loop.closing or any(one.is_up for one in self._hosts()):
            return
        self._lost(Unavailable(f"{self._label}: no node can be reached, {host.address} was last"))

    def on_up(self, host: Host) -> None:
        """Do nothing."""

    def on_add(self, host: Host) -> None:
        """Do nothing."""

    def on_remove(self, host: Host) -> None:
        """Do nothing."""

    # -- making ------------------------------------------------------------------------------------

    def _made(self, points: list[Node]) -> Cluster:
        config = self._config
        login = None
        if config.username:
            login = PlainTextAuthProvider(config.username, str(config.password or ""))
        return Cluster(
            contact_points=points,
            port=config.port,
            endpoint_factory=Nodes(config),
            connection_class=connection_class(self._loop),
            auth_provider=login,
            ssl_context=config.context(),
            compression=False,
            protocol_version=config.protocol_version,
            connect_timeout=config.connect_timeout,
            control_connection_timeout=config.connect_timeout,
            idle_heartbeat_interval=HEARTBEAT,
            idle_heartbeat_timeout=config.connect_timeout,
            reconnection_policy=ExponentialReconnectionPolicy(0.5, LONGEST_PAUSE),
            prepare_on_all_hosts=False,
            monitor_reporting_enabled=False,
            execution_profiles=self._profiles(),
        )

    def _profiles(self) -> dict[object, ExecutionProfile]:
        config = self._config
        return {
            name: ExecutionProfile(
                load_balancing_policy=TokenAwarePolicy(DCAwareRoundRobinPolicy(config.datacenter)),
                retry_policy=Retries(),
                consistency_level=level_of(config.consistency),
                serial_consistency_level=level_of(config.serial_consistency),
                request_timeout=config.timeout,
                row_factory=factory,
            )
            for name, factory in ((EXEC_PROFILE_DEFAULT, dict_factory), (PROFILE, raw_rows))
        }

    def _session(self) -> Session:
        assert self._cluster is not None
        return self._cluster.connect(self._config.keyspace or None)

    def _hosts(self) -> list[Host]:
        return [] if self._cluster is None else self._cluster.metadata.all_hosts()

    def _closed(self, connection: Connection) -> None:
        """See to it at once that a node has closed a connection that was idle, so that no call
        meets it; called by the event loop, which must not wait.
        """
        cluster = self._cluster
        if cluster is not None:
            with contextlib.suppress(RuntimeError):  # it is being shut down
                cluster.executor.submit(self._give_back, cluster, connection)

    def _give_back(self, cluster: Cluster, connection: Connection) -> None:
        for holder in cluster.get_connection_holders():
            if connection in holder.get_connections():
                holder.return_connection(connection)


def level_of(name: str) -> int:
    """Return the number of a consistency level."""
    level: int = ConsistencyLevel.name_to_value[name.upper()]
    return level
