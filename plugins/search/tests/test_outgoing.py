"""Both connections hold the contract, and the same tour of documents."""

from __future__ import annotations

import os

import pytest
from hansa import Misused, Unavailable, load
from hansa_connect.remote import RemoteConflict, RemoteNotFound
from hansa_devkit import OutgoingContract
from hansa_http.response import BadAnswer
from hansa_search import SearchFault
from hansa_search.elasticsearch import ElasticsearchOutgoing, ElasticsearchSettings, _missing
from hansa_search.faults import fault_of
from hansa_search.solr import SolrOutgoing, SolrSettings

from plugins.connect.tests.on_peer import OnPeer
from plugins.search.tests.servers import (
    EngineStandIn,
    SecureEngineStandIn,
    SolrStandIn,
    local_server,
)

USER = os.environ.get("HANSA_TEST_SEARCH_USER", "elastic")
PASSWORD = os.environ.get("HANSA_TEST_SEARCH_PASSWORD", "")


class OnEngine(OnPeer, OutgoingContract):
    """What holds for both."""

    timeout_setting = "deadline"
    refusal = "the server refuses the login"
    earlier = ({"address": "https://example.com/solr/books", "verify": "/etc/ssl/ca.pem"},)

    def make_server(self):
        return local_server(self._peer.password)

    def settings(self):
        return {**super().settings(), "retry_delay": 0.05, "timeout": 5}

    def peer_refuses(self):
        self.server  # noqa: B018 # made now, with the password that the server knows now
        return self.other_password()

    def test_wrong_credentials_and_right_ones_afterwards(self):
        with self.running() as engine:
            self.use(engine)
            with self.other_password():
                for call in (lambda: self.use(engine), engine.ping):
                    with pytest.raises(Unavailable, match="setting security names"):
                        call()
            self.use(engine)


class TestElasticsearch(OnEngine):
    cls, make_peer = ElasticsearchOutgoing, EngineStandIn

    def use(self, outgoing):
        assert outgoing.index("books", {"title": "one"}, "1") == "1"

    def test_the_tour(self):
        with self.running(page_size=3) as engine:
            tour_of_elasticsearch(engine, "tour")

    def test_what_is_refused(self):
        with self.running() as engine:
            self.use(engine)
            for call in (lambda: engine.get("books", "none"), lambda: engine.search("nowhere")):
                with pytest.raises(RemoteNotFound):
                    call()
            with pytest.raises(SearchFault) as caught:
                engine.search("books", {"nonsense": {}})
            assert caught.value.outcome == "reject" and caught.value.internal
            assert "10.0.0.1" in caught.value.reason and "10.0.0.1" not in caught.value.detail
            with pytest.raises(BadAnswer, match="none of Elasticsearch"):
                engine.index("books", {"title": "odd:html"})
            with pytest.raises(BadAnswer, match="no JSON"):
                engine.index("books", {"title": object()})
        assert not self.server.losses

    @pytest.mark.parametrize("what", ["late", "failed"])
    def test_a_partial_answer_is_no_answer_unless_it_is_asked_for(self, what):
        index = f"partial-{what}"
        with self.running() as engine:
            engine.index(index, {"title": f"odd:{what}"})
            for call in (lambda: engine.search(index), lambda: list(engine.search_all(index))):
                with pytest.raises(Unavailable):
                    call()
            found = engine.search(index, partial=True)
            assert found.total == 1 and not found.complete
            self.use(engine)
            assert engine.search("books").complete

    def test_names_cannot_lead_elsewhere(self):
        with self.running() as engine:
            engine.index("books", {"title": "a/b"}, "../x y?z#ü")
            assert engine.get("books", "../x y?z#ü") == {"title": "a/b"}


def tour_of_elasticsearch(engine, index):
    made = engine.index(index, {"title": "Größe ✓", "number": 0}, refresh=True)
    assert engine.get(index, made)["title"] == "Größe ✓"
    actions = [("index", index, f"b{at}", {"title": f"Book {at}", "number": at}) for at in range(7)]
    engine.bulk(actions, refresh=True)
    found = engine.search(index, {"match": {"title": "book"}}, size=2)
    assert found.total == 7 and len(found.documents) == len(found.ids) == 2
    everything = list(engine.search_all(index, {"match": {"title": "book"}}))
    assert sorted(one["number"] for one in everything) == list(range(7))
    engine.delete(index, "b0", refresh=True)
    with pytest.raises(SearchFault, match="1 of 2 actions failed") as caught:
        engine.bulk(
            [("create", index, "b1", {"title": "x"}), ("delete", index, "b2", None)], refresh=True
        )
    assert "409" in str(caught.value.reason)
    assert engine.search(index, {"ids": {"values": ["b1", "b2"]}}).ids == ["b1"]
    with pytest.raises(Misused):
        engine.bulk([("delete", index, "b3", {"title": "x"})])
    engine.bulk([])
    assert engine.client.search(index=index, size=0)["hits"]["total"]["value"] == 6
    assert "Elasticsearch 9" in engine.ping()


def test_a_conflict_is_told():
    assert isinstance(fault_of("outgoing", 409, "there"), RemoteConflict)
    assert isinstance(fault_of("outgoing", 503, "busy"), Unavailable)


class TestSolr(OnEngine):
    cls, make_peer = SolrOutgoing, SolrStandIn

    def use(self, outgoing):
        outgoing.add({"id": "1", "title": "one"}, commit=True)

    def test_the_tour(self):
        with self.running(page_size=3) as engine:
            tour_of_solr(engine)

    def test_what_is_refused(self):
        with self.running() as engine:
            for call in (
                lambda: engine.search("nonsense:1"),
                lambda: engine.add({"title": "x"}),
                lambda: engine.add({"id": "x", "unknown": 1}),
            ):
                with pytest.raises(SearchFault) as caught:
                    call()
                assert caught.value.outcome == "reject" and caught.value.reason
                assert "10.0.0.1" not in caught.value.detail
            with pytest.raises(BadAnswer, match="no JSON"):
                engine.search("title:odd:html")
            with pytest.raises(Misused, match="ids, or a query"):
                engine.delete()
        address = self.settings()["address"].replace("books", "none")
        with self.running(address=address) as engine, pytest.raises(RemoteNotFound):
            engine.search("*:*")
        assert not self.server.losses

    def test_a_partial_answer_is_no_answer_unless_it_is_asked_for(self):
        with self.running() as engine:
            engine.add({"id": "partial", "title": "odd:partial"}, commit=True)
            for call in (
                lambda: engine.search("id:partial"),
                lambda: list(engine.search_all("id:partial")),
            ):
                with pytest.raises(Unavailable, match="is partial"):
                    call()
            found = engine.search("id:partial", partial=True)
            assert found.total == 1 and not found.complete
            engine.delete("partial", commit=True)
            self.use(engine)
            assert engine.search("id:1").complete


def test_what_an_answer_lacks_is_told():
    assert _missing({"_shards": {"total": 5, "failed": 2}}) == "2 of 5 shards failed"
    assert _missing({"_clusters": {"total": 3, "skipped": 1}}) == "1 of 3 clusters are missing"
    assert _missing({"timed_out": True}) == "the time of the search was up"
    assert not _missing({"timed_out": False, "_clusters": {"total": 1, "successful": 1}})


def tour_of_solr(engine):
    engine.delete(query="*:*", commit=True)
    engine.add({"id": "a", "title": "Größe ✓ <&>"})
    engine.add([{"id": f"b{at}", "title": f"Book {at}", "number": at} for at in range(7)])
    engine.commit()
    assert engine.search("id:a").documents[0]["title"] == "Größe ✓ <&>"
    found = engine.search("title:book", rows=2, start=1, sort="id asc")
    assert found.total == 7 and found.ids == ["b1", "b2"]
    everything = list(engine.search_all("title:book"))
    assert [one["number"] for one in everything] == list(range(7))
    assert (
        engine.search("title:book OR " + "title:none OR " * 100 + "title:none", rows=0) is not None
    )
    engine.delete(["b0", "b1"], commit=True)
    engine.delete("b2", commit=True)
    assert engine.search("*:*", rows=0).total == 5
    assert engine.client.search("id:b3").hits == 1
    assert engine.ping().startswith("5 documents")


@pytest.mark.evidence("tls")
def test_over_tls(real_server):
    peer = real_server(SecureEngineStandIn)
    settings = load(ElasticsearchSettings, peer.settings)
    made = ElasticsearchOutgoing("e", settings, local_server(peer.password))
    made.start()
    assert made.index("books", {"title": "one"}) and made.ping()
    made.stop()
    settings = load(ElasticsearchSettings, {**peer.settings, "tls_ca": ""})
    stranger = ElasticsearchOutgoing("e", settings, local_server(peer.password))
    stranger.start()
    with pytest.raises(Unavailable, match="tls_ca"):
        stranger.ping()
    stranger.stop()


@pytest.mark.skipif("HANSA_TEST_ELASTICSEARCH" not in os.environ, reason="names no server")
def test_a_real_elasticsearch():
    given = {"address": os.environ["HANSA_TEST_ELASTICSEARCH"], "page_size": 3, "security": "user"}
    settings = load(ElasticsearchSettings, given)
    engine = ElasticsearchOutgoing("e", settings, local_server(PASSWORD, USER))
    engine.start()
    try:
        tour_of_elasticsearch(engine, "hansa-test")
    finally:
        engine.client.indices.delete(index="hansa-test", ignore_unavailable=True)
        engine.stop()


@pytest.mark.skipif("HANSA_TEST_SOLR" not in os.environ, reason="names no core")
def test_a_real_solr():
    given = {"address": os.environ["HANSA_TEST_SOLR"], "page_size": 3}
    if PASSWORD:
        given["security"] = "user"
    engine = SolrOutgoing("s", load(SolrSettings, given), local_server(PASSWORD or "none", USER))
    engine.start()
    try:
        tour_of_solr(engine)
    finally:
        engine.stop()
