"""When a statement is sent a second time: only if it cannot have taken effect the first time, or if
doing it twice changes nothing.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from cassandra.policies import RetryPolicy
from cassandra.protocol import IsBootstrappingErrorMessage

Decision: TypeAlias = tuple[int, int | None]
"""What to do, and at which consistency level."""


class Retries(RetryPolicy):  # type: ignore[misc] # the driver has no types
    """Asks another node for reads, and once for what was not begun; all else raises."""

    def on_read_timeout(
        self,
        query: Any,
        consistency: int,
        required_responses: int,
        received_responses: int,
        data_retrieved: bool,
        retry_num: int,
    ) -> Decision:
        """Ask again, once, for a read whose replicas answered with everything but the data."""
        if query is not None and query.is_idempotent:
            decision: Decision = super().on_read_timeout(
                query,
                consistency,
                required_responses,
                received_responses,
                data_retrieved,
                retry_num,
            )
            return decision
        return self.RETHROW, None

    def on_write_timeout(self, *args: object, **kwargs: object) -> Decision:
        """Raise: the change may have been made."""
        return self.RETHROW, None

    def on_unavailable(
        self, query: Any, consistency: int, *args: object, retry_num: int, **kwargs: object
    ) -> Decision:
        """Ask one other node, which may know of more replicas: nothing was sent to any."""
        return (self.RETRY_NEXT_HOST, None) if retry_num == 0 else (self.RETHROW, None)

    def on_request_error(
        self, query: Any, consistency: int, error: Exception, retry_num: int
    ) -> Decision:
        """Ask the other nodes if the statement was not begun, or may be repeated.

        A node that is overloaded may have begun: it finds out between one replica and the next.
        """
        repeatable = query is not None and query.is_idempotent
        if repeatable or isinstance(error, IsBootstrappingErrorMessage):
            return self.RETRY_NEXT_HOST, None
        return self.RETHROW, None
