"""The client of Elasticsearch over a connection of Hansa, which sends its requests."""

from __future__ import annotations

import time
from typing import Any, ClassVar

from elastic_transport import ApiResponseMeta, BaseNode, HttpHeaders
from elastic_transport._node import NodeApiResponse  # it has no public name
from elasticsearch import Elasticsearch

from .engine import EngineOutgoing


class OutgoingNode(BaseNode):
    """Sends the client's requests by `outgoing`, which a subclass names."""

    outgoing: ClassVar[EngineOutgoing[Any]]

    def perform_request(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: HttpHeaders | None = None,
        request_timeout: Any = None,
    ) -> NodeApiResponse:
        """Send a request; raises what the connection raises."""
        began = time.monotonic()
        given = {name: value for name, value in (headers or {}).items() if name != "connection"}
        answer = self.outgoing.send(method, target, body, given)
        meta = ApiResponseMeta(
            status=answer.status,
            http_version="1.1",
            headers=HttpHeaders(dict(answer.headers)),
            duration=time.monotonic() - began,
            node=self.config,
        )
        return NodeApiResponse(meta, answer.content)

    def close(self) -> None:
        """Do nothing: the connection is closed by whoever has started it."""


def client_of(outgoing: EngineOutgoing[Any]) -> Elasticsearch:
    """Return a client whose requests go out by a connection."""
    node = type("Node", (OutgoingNode,), {"outgoing": outgoing})
    # where requests go is the connection's matter; the client sees no login and no address
    return Elasticsearch(
        "http://localhost:9200",
        node_class=node,
        max_retries=0,
        sniff_on_start=False,
        sniff_on_node_failure=False,
    )
