"""A redis-py client for a whole Redis Cluster, whose keys may be in any slot."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from hansa import HansaError
from redis import exceptions
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode, ClusterPipeline, ClusterPubSub, RedisCluster
from redis.retry import Retry

from .address import ClusterAddress, Place
from .calls import Calls, RedisUnavailable, moved
from .client import CONNECTIONS, Subscription, login_options
from .pools import Pool
from .untyped import Answer, Argument, Option

_LOST = (exceptions.ConnectionError, exceptions.TimeoutError, TimeoutError)
"""What leaves open whether a command was carried out."""


class AtMostOnceCluster(RedisCluster):
    """redis-py's client of a Redis Cluster, which follows slots that move, and repeats no command
    that may have been carried out.

    It connects when it is made, to the first of the `places` that answers. Its errors are those of
    redis-py.
    """

    def __init__(self, places: list[Place], **options: Option) -> None:
        self._late = ""
        (host, port), *others = places
        bracketed = f"[{host}]" if ":" in host else host
        super().__init__(
            # of the ways to name a node only a URL lets it have pools of another class
            url=f"redis://{bracketed}:{port}",
            startup_nodes=[ClusterNode(*place) for place in others],  # type: ignore[no-untyped-call]
            connection_pool_class=Pool,
            retry=Retry(NoBackoff(), 0),
            reinitialize_steps=1,
            require_full_coverage=False,
            protocol=2,
            **options,
        )

    def execute_command(self, *args: Argument, **options: Option) -> Answer:
        """Run one command and return its answer."""
        self.refresh()
        return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]

    def refresh(self) -> None:
        """Ask the nodes anew who holds which slots, if a call has ended with a node that did not
        answer.

        redis-py asks at the end of that call, when its deadline has passed.
        """
        if self._late:
            self.nodes_manager.initialize(last_failed_node_name=self._late)
            self._late = ""

    def doubt(self, node: str) -> None:
        """Have the next call ask who holds which slots, this node last."""
        self._late = node

    def _execute_command(
        self, target_node: ClusterNode, *args: Argument, **options: Option
    ) -> Answer:
        try:
            return super()._execute_command(target_node, *args, **options)  # type: ignore[no-untyped-call]
        except (*_LOST, exceptions.RedisClusterException):
            self.doubt(target_node.name)
            raise


class ClusterClient(Calls, AtMostOnceCluster):
    """A client for services, safe in many threads, for the keys of a whole Redis Cluster; otherwise
    as `Client`.

    Keys of one command, script or transaction must be in one slot; redis-py raises
    `RedisClusterException` or `ResponseError` otherwise. `max_connections` is that of each node.
    """

    def __init__(
        self,
        name: str,
        address: ClusterAddress,
        *,
        timeout: float,
        max_connections: int,
        **options: Option,
    ) -> None:
        self.name = name
        self.timeout = timeout
        self._places = address.nodes
        self._options: dict[str, Option] = {
            "connection_class": CONNECTIONS[address.scheme],
            "max_connections": max_connections,
            "timeout": timeout,
            "socket_connect_timeout": timeout,
            **address.tls_options,
            **login_options(address.username, address.password),
            **options,
        }
        with self.call():
            AtMostOnceCluster.__init__(self, self._places, socket_timeout=timeout, **self._options)

    @cached_property
    def waiting(self) -> AtMostOnceCluster:
        """The client, with connections of its own, for commands that wait."""
        with self.call():
            return AtMostOnceCluster(self._places, **self._options)

    def send(self, *args: Argument, **options: Option) -> Answer:
        """Run one command that does not wait, as redis-py runs it."""
        return AtMostOnceCluster.execute_command(self, *args, **options)

    def meaning(self, error: BaseException, extra: float) -> HansaError | None:
        """Return the error of Hansa for a failure; None for a command that is refused for good."""
        if isinstance(error, exceptions.SlotNotCoveredError):
            return RedisUnavailable(f"{self.name} refuses for now: {error}")
        if isinstance(error, exceptions.RedisClusterException):
            # why no node could be asked
            cause = error.__cause__
            return None if cause is None else super().meaning(cause, extra)
        return super().meaning(error, extra)

    def meaning_of_cluster(self, error: exceptions.ResponseError) -> HansaError | None:
        """Return the error of Hansa for what only nodes of a Redis Cluster answer."""
        if isinstance(error, exceptions.ClusterCrossSlotError):
            return None
        return moved(self.name, error)

    def ping(self, **options: Option) -> bool:
        """Return whether all primaries answer."""
        return bool(self.execute_command("PING", target_nodes=self.PRIMARIES, **options))

    def pipeline(self, transaction: bool = False, shard_hint: str | None = None) -> ClusterPipeline:
        """Return a pipeline, which collects commands; its `execute()` is one call with one
        deadline.

        With `transaction` all its keys must be in one slot.
        """
        return _Pipeline(self, transaction)

    def pubsub(
        self, node: Any = None, host: Any = None, port: Any = None, **options: Option
    ) -> ClusterPubSub:
        """Return a subscription, which has a connection of its own."""
        return _Subscription(self, node=node, host=host, port=port, **options)

    def close(self) -> None:
        """Close all connections."""
        super().close()
        if "waiting" in vars(self):
            self.waiting.close()


class _Pipeline(ClusterPipeline):
    """A pipeline whose calls keep the deadline, and which repeats no command that may have been
    carried out.
    """

    def __init__(self, owner: ClusterClient, transaction: bool) -> None:
        self.owner = owner
        super().__init__(
            nodes_manager=owner.nodes_manager,
            commands_parser=owner.commands_parser,
            startup_nodes=list(owner.nodes_manager.startup_nodes.values()),
            result_callbacks=owner.result_callbacks,
            cluster_response_callbacks=owner.cluster_response_callbacks,
            reinitialize_steps=owner.reinitialize_steps,
            retry=owner.retry,
            lock=owner._lock,
            transaction=transaction,
        )
        # redis-py sends what a node did not answer once more, one by one
        self.parent_execute_command = self._send_again

    def execute(self, raise_on_error: bool = True) -> list[Answer]:
        """Run what was collected."""
        with self.owner.call():
            self.owner.refresh()
            try:
                found: list[Answer] = super().execute(raise_on_error)
            except (*_LOST, exceptions.RedisClusterException):
                self.owner.doubt("unknown")
                raise
            return found

    def execute_command(self, *args: Argument, **options: Option) -> Answer:
        """Collect a command; after WATCH, run it at once."""
        with self.owner.call():
            return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]

    def _send_again(self, *args: Argument, **options: Option) -> Answer:
        """Send a command to the node that its slot has moved to; raises the error of one that may
        have been carried out.
        """
        for command in self._execution_strategy.command_queue:
            if command.args == args and isinstance(command.result, _LOST):
                raise command.result
        return RedisCluster.execute_command(self, *args, **options)  # type: ignore[no-untyped-call]


class _Subscription(Subscription, ClusterPubSub):
    """A subscription at the node of its first channel; the nodes pass messages on to each other."""

    def __init__(self, owner: ClusterClient, **options: Option) -> None:
        self.owner = owner
        ClusterPubSub.__init__(self, owner.waiting, **options)
