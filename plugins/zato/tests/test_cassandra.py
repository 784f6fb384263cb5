"""`self.cassandra_conn` and `self.cassandra_query`, over hansa-cassandra and its stand-in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hansa import Misused, Undefined, load
from hansa_cassandra.outgoing import CassandraOutgoing
from hansa_cassandra.settings import CassandraSettings
from hansa_devkit import LocalServer
from hansa_zato.outgoing.cassandra import CassandraQueries
from zato.server.service import Service

from plugins.cassandra.tests.servers import CassandraStandIn
from plugins.cassandra.tests.tour import STATEMENTS
from plugins.zato.tests.facade import Facade


class Orders(Service):
    def handle(self) -> None:
        query = self.cassandra_query["add order"]
        assert query.execute({"id": 1}, customer="Ada", amount=None) == []
        found = list(self.cassandra_query.get("order").execute(id=1))
        session = self.cassandra_conn.get("My Database").conn
        self.response.payload = [
            found[0]["customer"],
            session.execute("SELECT id FROM orders WHERE id = 1").one(),
        ]


@pytest.fixture
def shop(server: Facade, real_server: Any) -> Iterator[CassandraOutgoing]:
    peer = real_server(CassandraStandIn)
    settings = load(CassandraSettings, {**peer.settings, "statements": STATEMENTS})
    made = CassandraOutgoing("My Database", settings, LocalServer())
    made.start()
    server.objects["outgoing", "cassandra", "My Database"] = made
    yield made
    made.stop()


def test_connections_are_sessions_and_queries_are_statements(
    server: Facade, shop: CassandraOutgoing
) -> None:
    server.add(Orders)
    assert server.invoke(Orders.get_name()) == ["Ada", {"id": 1}]


def test_queries_that_are_not_there(server: Facade, shop: CassandraOutgoing) -> None:
    queries = CassandraQueries(server.as_server)
    assert "order" in queries and "ordr" not in queries
    assert queries.get("ordr", None) is None
    with pytest.raises(Undefined, match="did you mean order"):
        queries.get("ordr")
    with pytest.raises(KeyError):
        queries["ordr"]
    server.objects["outgoing", "cassandra", "Other"] = shop
    with pytest.raises(Misused, match="several connections"):
        queries["order"]
