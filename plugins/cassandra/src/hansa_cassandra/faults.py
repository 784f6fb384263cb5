"""What Cassandra refuses, as errors of Hansa."""

from __future__ import annotations

from hansa import HansaError


class CassandraFault(HansaError):
    """Cassandra does not do what was asked, or could not.

    `name` is that of its error, such as `InvalidRequest`; `reason` is what it says. One that would
    be the same again has the outcome `reject`: brokers give such a message up at once.
    """

    code = "cassandra-fault"
    status = 502
    title = "Refused by Cassandra"
    internal = True

    def __init__(self, connection: str, name: str, reason: str, *, lasting: bool) -> None:
        super().__init__(f"{connection}: Cassandra refuses the statement: {name}")
        self.name = name
        self.reason = reason
        if lasting:
            self.outcome = "reject"
