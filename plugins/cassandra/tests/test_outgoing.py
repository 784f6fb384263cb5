"""The outgoing connection cassandra holds the contract, and says what Cassandra refuses."""

from __future__ import annotations

import os
import time
import tracemalloc

import pytest
from hansa import Invalid, Misused, TimedOut, Unavailable, Undefined, deadline, load
from hansa_cassandra import CassandraFault, client
from hansa_cassandra.outgoing import CassandraOutgoing
from hansa_cassandra.settings import CassandraSettings
from hansa_connect.remote import RemoteConflict, RemoteForbidden
from hansa_devkit import LocalServer, OutgoingContract

from plugins.cassandra.tests.servers import CassandraStandIn, SecureStandIn
from plugins.cassandra.tests.tour import STATEMENTS, tour
from plugins.connect.tests.on_peer import OnPeer

FAULT = "SELECT * FROM faults WHERE fault = :fault"
CHANGE = "UPDATE faults SET number = 1 WHERE fault = :fault"


class TestContract(OnPeer, OutgoingContract):
    cls, make_peer = CassandraOutgoing, CassandraStandIn
    refusal = "Cassandra refuses the login; check the settings username and password"

    def settings(self):
        return {**super().settings(), "statements": STATEMENTS, "connect_timeout": 3}

    def use(self, outgoing):
        outgoing.execute("add order", id=1, customer="Ada", amount=None)
        assert outgoing.one("order", id=1)["customer"] == "Ada"

    def peer_refuses(self):
        self.server  # noqa: B018 # made now, with the password that the server knows now
        return self.other_password()

    def make(self, name="conformance", **changes):
        changes.setdefault("password", self._known)
        return super().make(name, **changes)

    @pytest.fixture(autouse=True)
    def _keep_password(self):
        self._known = self.peer.password

    def test_the_tour(self):
        with self.running(page_size=3, max_rows=10) as shop:
            tour(shop)
        assert not self.server.losses

    def test_all_rows_come_in_bounded_memory(self):
        with self.running(page_size=50) as shop:
            shop.execute("TRUNCATE orders")
            text = "x" * 2000
            for start in range(0, 4000, 500):
                numbers = range(start, start + 500)
                rows = [{"id": one, "customer": text, "amount": None} for one in numbers]
                shop.batch([("add order", row) for row in rows], "unlogged")
            next(shop.rows("all orders"))
            tracemalloc.start()
            try:
                count = sum(1 for _ in shop.rows("all orders"))
                _, most = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            shop.execute("TRUNCATE orders")
        assert count == 4000 and most < 4_000_000, most  # they have 8 MB

    def test_names_and_parameters(self):
        with self.running() as shop:
            with pytest.raises(Undefined, match="did you mean order"):
                shop.one("ordr", id=1)
            with pytest.raises(Misused) as caught:
                shop.one("order", ID=1)
            assert set(caught.value.errors) == {"id", "ID"}
            with pytest.raises(Misused, match="USE would change the keyspace"):
                shop.execute("-- to another\nUSE other")
            with pytest.raises(Invalid, match="at most 65535"):
                shop.batch([("count", {})] * 70_000)

    def test_wrong_statements_are_all_named(self):
        wrong = {"one": "SELECT * FROM nowhere", "two": "USE x", "three": "SELECT * FROM orders"}
        shop = self.make(statements=wrong)
        with pytest.raises(Invalid) as caught:
            shop.start()
        shop.stop()
        assert set(caught.value.errors) == {"statements.one", "statements.two"}

    def test_a_keyspace_that_is_not_there(self):
        shop = self.make(keyspace="elsewhere")
        with pytest.raises(Unavailable, match="check the setting keyspace"):
            shop.start()
        shop.stop()

    @pytest.mark.parametrize(
        ("fault", "error", "words"),
        [
            ("unavailable", Unavailable, "1 replicas are up, and the consistency level asks for 2"),
            ("overloaded", Unavailable, "overloaded"),
            ("bootstrapping", Unavailable, "overloaded"),
            ("write-timeout", TimedOut, "setting consistency"),
            ("read-timeout", TimedOut, "setting consistency"),
            ("read-failure", CassandraFault, "ReadFailure"),
            ("server-error", CassandraFault, "ServerError"),
            ("unauthorized", RemoteForbidden, "does not allow"),
            ("exists", RemoteConflict, "of that name"),
        ],
    )
    def test_what_cassandra_says_is_told_without_its_words(self, fault, error, words):
        with self.running() as shop:
            for text in (FAULT, CHANGE):
                with pytest.raises(error, match=words) as caught:
                    shop.execute(text, fault=fault)
                assert "10.0.0.1" not in caught.value.detail
                assert getattr(caught.value, "outcome", "retry") == "retry"
            self.use(shop)
        assert not self.server.losses

    def test_options_reach_the_node(self):
        with self.running(consistency="quorum", page_size=7) as shop:
            with pytest.raises(CassandraFault) as caught:
                shop.execute(FAULT, fault="levels")
            assert "levels (4, 8), 7 rows" in caught.value.reason
            other = shop.with_options(
                consistency="one", serial_consistency="local_serial", page_size=2
            )
            with pytest.raises(CassandraFault) as caught:
                other.execute(FAULT, fault="levels")
            assert "levels (1, 9), 2 rows" in caught.value.reason

    def test_what_a_node_has_forgotten_is_prepared_again(self):
        with self.running() as shop:
            self.use(shop)
            shop.execute(FAULT, fault="forget")
            self.use(shop)
            shop.batch([("add order", {"id": 1, "customer": "Ada", "amount": None})])

    def test_each_call_has_a_deadline(self):
        with self.running(timeout=30) as shop:
            shop.execute(FAULT, fault="none")
            began = time.monotonic()
            with pytest.raises(TimedOut, match="setting timeout"):
                shop.with_options(timeout=0.3).execute(FAULT, fault="silent")
            with deadline(0.3), pytest.raises(TimedOut):
                shop.execute(FAULT, fault="silent")
            with deadline(0), pytest.raises(TimedOut):
                shop.execute(FAULT, fault="none")
            assert time.monotonic() - began < 10
            self.use(shop)  # answers that come late are no other call's

    def test_a_connection_that_ends_is_an_error(self):
        with self.running() as shop:
            for text in (FAULT, CHANGE):
                with pytest.raises(Unavailable):
                    self.current(shop).execute(text, fault="close")
                self.works_again(shop)

    def works_again(self, shop):
        end = time.monotonic() + 30
        while True:
            try:
                return self.use(self.current(shop))
            except Unavailable:
                assert time.monotonic() < end
                time.sleep(0.05)

    def test_an_idle_connection_that_ends_is_noticed(self):
        with self.running() as shop:
            self.use(shop)
            self.peer.kill()
            end = time.monotonic() + 30
            while shop not in self.server.losses:
                assert time.monotonic() < end
                time.sleep(0.02)
            assert "no node can be reached" in str(self.server.losses[shop])
            self.peer.start()
            self.works_again(shop)

    def test_a_silent_node_is_noticed_by_a_heartbeat(self, monkeypatch):
        monkeypatch.setattr(client, "HEARTBEAT", 0.2)
        with self.running(connect_timeout=0.5) as shop:
            self.use(shop)
            with self.peer_hangs():
                end = time.monotonic() + 30
                while shop not in self.server.losses:
                    assert time.monotonic() < end
                    time.sleep(0.02)
            self.works_again(shop)

    def test_a_forked_process_is_refused(self):
        with self.running() as shop:
            self.use(shop)
            process = os.fork()
            if not process:
                try:
                    shop.one("order", id=1)
                except Unavailable as error:
                    os._exit(0 if "forked" in error.detail else 2)
                finally:
                    os._exit(1)
            assert os.waitpid(process, 0)[1] == 0
            self.use(shop)


@pytest.mark.evidence("tls")
def test_over_tls(real_server):
    peer = real_server(SecureStandIn)
    tour_settings = {"page_size": 3, "max_rows": 10, "statements": STATEMENTS}
    shop = made({**peer.settings, **tour_settings})
    try:
        shop.start()
        assert "Stand-in" in shop.ping()
        tour(shop)
    finally:
        shop.stop()
    for changes, words in (
        ({"tls_ca": ""}, "tls_ca"),
        ({"tls_server_name": ""}, "tls_server_name"),
        ({"tls": False, "tls_server_name": ""}, "set tls to true"),
    ):
        refuse({**peer.settings, **changes}, words)
    plain = real_server(CassandraStandIn)
    refuse({**plain.settings, "tls": True}, "set tls to false")


def refuse(settings, words):
    stranger = made(settings)
    with pytest.raises(Unavailable, match=words):
        stranger.start()
    stranger.stop()


def made(settings):
    return CassandraOutgoing("shop", load(CassandraSettings, settings), LocalServer())


def test_nobody_is_there():
    refuse({"contact_points": ["127.0.0.1"], "port": 1}, "settings contact_points and port")
    refuse({"contact_points": ["no-such-host.invalid"]}, "setting contact_points")


def test_all_faults_of_settings_at_once():
    with pytest.raises(Invalid) as caught:
        load(
            CassandraSettings,
            {
                "contact_points": ["a:9042", " "],
                "keyspace": 'x"; DROP',
                "statements": {"one": " "},
                "tls_server_name": "x",
            },
        )
    assert set(caught.value.errors) == {
        "contact_points[0]",
        "contact_points[1]",
        "keyspace",
        "statements.one",
        "tls_server_name",
    }
