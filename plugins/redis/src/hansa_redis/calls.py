"""Calls of Redis that end within a deadline, and whose failures name the connection and say what to
do with a message.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from hansa import HansaError, TimedOut, Unavailable, deadline
from redis import exceptions

from .blocking import blocking_seconds
from .untyped import Answer, Argument, Option

_TIMEOUTS = (exceptions.TimeoutError, TimeoutError)
_BUSY = (
    exceptions.OutOfMemoryError,
    exceptions.ReadOnlyError,
    exceptions.MasterDownError,
    exceptions.ClusterDownError,
    exceptions.TryAgainError,
)
_UNBLOCKED = "UNBLOCKED "
"""How the answer to a command begins that waited in a primary which has become a replica; redis-py
has no class for it.
"""
_OF_CLUSTER = (exceptions.AskError, exceptions.ClusterCrossSlotError)
NEEDS_CLUSTER = (
    "is a node of a Redis Cluster, which may keep keys on other nodes: give its address as "
    "redis+cluster://HOST:PORT,HOST:PORT"
)


class RedisUnavailable(Unavailable, exceptions.ConnectionError):
    """Redis is unreachable or refuses work for now; code that expects redis-py's `ConnectionError`
    finds it too.
    """


class RedisTimedOut(TimedOut, exceptions.TimeoutError):
    """Redis did not answer within the deadline; code that expects redis-py's `TimeoutError` finds
    it too.
    """


class Commands(Protocol):
    """What runs commands."""

    def execute_command(self, *args: Argument, **options: Option) -> Answer:
        """Run one command and return its answer."""


class Calls:
    """What a client for services adds to one of redis-py: `name` names it in errors, `timeout` is
    in seconds for a whole call.
    """

    name: str
    timeout: float

    @property
    def waiting(self) -> Commands:
        """The client, with connections of its own, for commands that wait."""
        raise NotImplementedError

    def send(self, *args: Argument, **options: Option) -> Answer:
        """Run one command that does not wait, as redis-py runs it."""
        raise NotImplementedError

    def execute_command(self, *args: Argument, **options: Option) -> Answer:
        """Run one command and return its answer."""
        waits = blocking_seconds(args)
        if waits is None:
            with self.call():
                return self.send(*args, **options)
        if waits == 0:
            with self.translated():
                return self.waiting.execute_command(*args, **options)
        with self.call(waits):
            return self.waiting.execute_command(*args, **options)

    @contextmanager
    def call(self, extra: float = 0.0) -> Iterator[None]:
        """Open the deadline of one call, `extra` seconds later than usual, and translate its
        failures.
        """
        with self.translated(extra), deadline(self.timeout + extra):
            yield

    @contextmanager
    def translated(self, extra: float = 0.0) -> Iterator[None]:
        """Turn failures of the connection into errors of Hansa."""
        try:
            yield
        except HansaError:
            raise
        except (exceptions.RedisError, exceptions.RedisClusterException, OSError) as error:
            meaning = self.meaning(error, extra)
            if meaning is None:
                raise
            raise meaning from error

    def meaning(self, error: BaseException, extra: float) -> HansaError | None:
        """Return the error of Hansa for a failure; None for a command that Redis refuses for good."""
        if isinstance(error, _TIMEOUTS):
            seconds = self.timeout + extra
            return RedisTimedOut(f"{self.name} did not answer within {seconds:g} s")
        if isinstance(error, exceptions.AuthenticationError):
            refused = f"{self.name} refuses the user name or password: {error}"
            return RedisUnavailable(f"{refused}; check the settings username and password")
        if isinstance(error, exceptions.MaxConnectionsError):
            return RedisUnavailable(f"{self.name}: {error}")
        if isinstance(error, _OF_CLUSTER):
            return self.meaning_of_cluster(error)
        if isinstance(error, _BUSY) or str(error).startswith(_UNBLOCKED):
            return RedisUnavailable(f"{self.name} refuses for now: {error}")
        if isinstance(error, exceptions.ConnectionError | OSError):
            return RedisUnavailable(f"{self.name} is not reachable: {error}")
        return None

    def meaning_of_cluster(self, error: exceptions.ResponseError) -> HansaError | None:
        """Return the error of Hansa for what only nodes of a Redis Cluster answer."""
        return RedisUnavailable(f"{self.name} {NEEDS_CLUSTER}")


def moved(name: str, error: Exception) -> RedisUnavailable:
    """Return the error for a slot that is on its way from one node to another."""
    return RedisUnavailable(f"{name} refuses for now, its slot is being moved: {error}")
