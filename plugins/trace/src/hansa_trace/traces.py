"""What this plugin keeps in a worker."""

from __future__ import annotations

from hansa import Server

from .logs.cluster_logs import ClusterLogs
from .tracing import Tracing


class Traces:
    """The steps of messages, and the logs of the cluster."""

    def __init__(self, server: Server) -> None:
        self.tracing = Tracing(server)
        self.logs = ClusterLogs(server)
