"""`self.search` as services of the Zato dialect use it, over hansa-search and its stand-ins."""

from __future__ import annotations

from typing import Any

import pytest
from hansa import load
from hansa_search.elasticsearch import ElasticsearchOutgoing, ElasticsearchSettings
from hansa_search.solr import SolrOutgoing, SolrSettings
from hansa_zato.outgoing.search import Search

from plugins.search.tests.servers import EngineStandIn, SolrStandIn, local_server
from plugins.zato.tests.facade import Facade


@pytest.fixture
def search(server: Facade, real_server: Any) -> Any:
    engine, solr = real_server(EngineStandIn), real_server(SolrStandIn)
    settings = load(ElasticsearchSettings, engine.settings)
    es = ElasticsearchOutgoing("ES", settings, local_server(engine.password))
    other = SolrOutgoing("Solr", load(SolrSettings, solr.settings), local_server(solr.password))
    for made in (es, other):
        made.start()
        server.objects["outgoing", made.type, made.name] = made
    yield Search(server.as_server)
    es.stop()
    other.stop()


def test_connections_are_the_engines_clients(search: Any) -> None:
    conn = search.es["ES"].conn
    conn.index(index="books", id="1", document={"title": "Hansa"}, refresh=True)
    assert search.es.get("ES").conn.get(index="books", id="1")["_source"] == {"title": "Hansa"}
    with search.solr["Solr"].conn.client() as client:
        client.add([{"id": "1", "title": "Hansa"}], commit=True)
        assert client.search("title:hansa").hits == 1
    assert search.solr["Solr"].conn.ping() and search.es.get("Nope", None) is None
