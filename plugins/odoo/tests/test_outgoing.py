"""The outgoing connection holds the contract by both protocols, and says what Odoo refuses."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hansa import Invalid, Misused, Unavailable, load
from hansa_connect.remote import RemoteForbidden, RemoteNotFound
from hansa_devkit import OutgoingContract
from hansa_http.response import BadAnswer
from hansa_odoo import OdooFault
from hansa_odoo.outgoing import OdooOutgoing
from hansa_odoo.settings import OdooSettings

from plugins.connect.tests.on_peer import OnPeer
from plugins.odoo.tests.servers import OdooStandIn, SecureOdooStandIn, local_server

PARTNER = "res.partner"


class OnOdoo(OnPeer, OutgoingContract):
    """What holds for both protocols."""

    cls, make_peer = OdooOutgoing, OdooStandIn
    timeout_setting = "deadline"
    refusal = "Odoo refuses the credentials"
    earlier = ({"address": "https://example.com", "security": "odoo", "verify": "/etc/ssl/ca.pem"},)

    def make_server(self):
        return local_server(self._peer.password)

    def settings(self):
        return {**super().settings(), "retry_delay": 0.05, "timeout": 5}

    def use(self, outgoing):
        assert isinstance(outgoing.search_read(PARTNER, [("name", "=", "x")], ["name"]), list)

    def peer_refuses(self):
        self.server  # noqa: B018 # made now, with the password that the server knows now
        return self.other_password()

    def test_the_tour(self):
        with self.running() as odoo:
            [ada] = odoo.create(PARTNER, {"name": "Ada Größe ✓", "credit": Decimal("1.5")})
            grace, alan = odoo.create(PARTNER, [{"name": "Grace"}, {"name": "Alan"}])
            several = [("id", "in", (ada, grace, alan))]
            found = odoo.search_read(PARTNER, several, ["name"], order="name", limit=2)
            assert [one["name"] for one in found] == ["Ada Größe ✓", "Alan"]
            assert odoo.search_read(
                PARTNER, several, ["name"], order="name", offset=2, limit=5
            ) == [{"id": grace, "name": "Grace"}]
            assert odoo.count(PARTNER, several) == 3
            assert odoo.search(PARTNER, several, order="id desc") == [alan, grace, ada]
            odoo.write(PARTNER, [ada, grace], {"is_company": True, "date": date(2026, 11, 30)})
            [read] = odoo.read(PARTNER, ada, ["is_company", "date", "credit", "email"])
            expected = {"is_company": True, "date": "2026-11-30", "credit": 1.5, "email": False}
            assert read == {"id": ada, **expected}
            domain = ["|", ("name", "=", "Alan"), ("name", "=", "Grace"), ("id", ">", ada)]
            assert odoo.search(PARTNER, domain) == [grace, alan]
            odoo.unlink(PARTNER, [ada, grace])
            assert odoo.search(PARTNER, several) == [alan]
            assert odoo.execute(PARTNER, "answer_with_context", context={"lang": "de_DE"}) == {
                "lang": "de_DE"
            }
            assert odoo.execute(PARTNER, "message_post", alan, body="Hello") is None

    def test_all_records_come_page_by_page(self):
        with self.running(page_size=3) as odoo:
            made = odoo.create(PARTNER, [{"name": f"page {number}"} for number in range(7)])
            domain = [("id", "in", made)]
            found = odoo.search_all(PARTNER, domain, ["name"])
            first = next(found)
            odoo.unlink(PARTNER, first["id"])
            rest = [one["name"] for one in found]
            assert [first["name"], *rest] == [f"page {number}" for number in range(7)]
            assert list(odoo.search_all(PARTNER, [("name", "=", "nobody")])) == []
            assert len(list(odoo.search_all(PARTNER, domain))) == 6

    def test_values_become_those_of_odoo(self):
        moment = datetime(2026, 11, 30, 14, 5, 7, 999, timezone(timedelta(hours=2)))
        given = {
            "moment": moment,
            "utc": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
            "bytes": b"\x00\xff",
            "tuple": (1, True, False, "ü", {"a": [1.5]}),
        }
        with self.running() as odoo:
            assert odoo.execute(PARTNER, "echo", value=given) == {
                "moment": "2026-11-30 12:05:07",
                "utc": "2026-01-02 03:04:05",
                "bytes": "AP8=",
                "tuple": [1, True, False, "ü", {"a": [1.5]}],
            }
            with pytest.raises(Invalid, match="of the type object"):
                odoo.execute(PARTNER, "echo", value=object())
            for number in (math.nan, math.inf, Decimal("NaN")):
                with pytest.raises(Invalid, match="not a finite number"):
                    odoo.create(PARTNER, {"name": "Ada", "credit_limit": number})
            deep: list[object] = []
            for _ in range(60):
                deep = [deep]
            with pytest.raises(Invalid, match="more than 50 deep"):
                odoo.execute(PARTNER, "echo", value=deep)

    def test_what_odoo_refuses_is_told_without_its_words(self):
        with self.running() as odoo:
            with pytest.raises(OdooFault) as caught:
                odoo.create(PARTNER, {"email": "a@example.com"})
            assert caught.value.outcome == "reject" and caught.value.internal
            assert "Contacts require a name" in caught.value.explanation
            assert "Contacts require a name" not in caught.value.detail
            [boss] = odoo.create(PARTNER, {"name": "Administrator"})
            with pytest.raises(RemoteForbidden) as forbidden:
                odoo.unlink(PARTNER, boss)
            assert "not allowed to delete" in forbidden.value.reason
            with pytest.raises(OdooFault):
                odoo.execute(PARTNER, "echo", nothing=1)
            assert odoo.ping()
        assert not self.server.objects.losses

    def test_names_cannot_lead_elsewhere(self):
        with self.running() as odoo:
            for model, method in (
                ("../web", "x"),
                (PARTNER, "a/b"),
                ("", "x"),
                (PARTNER, "a\r\nb"),
            ):
                with pytest.raises(Misused):
                    odoo.execute(model, method)
            with pytest.raises(Misused, match="not the id"):
                odoo.read(PARTNER, ["1"])
            with pytest.raises(Misused, match="argument of its own"):
                odoo._call(PARTNER, "read", None, {"ids": [1]}, None)

    @pytest.mark.parametrize("odd", ["html", "gone"])
    def test_odd_answers_are_no_results(self, odd):
        with self.running() as odoo, pytest.raises(BadAnswer) as caught:
            odoo.search(PARTNER, [("name", "=", f"odd:{odd}")])
        assert "10.0.0.1" not in str(caught.value)

    def test_a_redirect_is_no_result(self):
        with self.running(follow_redirects=False) as odoo:
            with pytest.raises(BadAnswer, match="setting address"):
                odoo.search(PARTNER, [("name", "=", "odd:moved")])

    def test_wrong_credentials_and_right_ones_afterwards(self):
        with self.running() as odoo:
            self.use(odoo)
            with self.other_password():
                for _ in range(2):
                    with pytest.raises(Unavailable, match="setting security names"):
                        self.use(odoo)
                with pytest.raises(Unavailable, match="setting security names"):
                    odoo.ping()
            self.use(odoo)
            assert "logged in" in odoo.ping()


class TestJson2(OnOdoo):
    def test_what_is_not_there(self):
        with self.running() as odoo:
            for call in (
                lambda: odoo.read(PARTNER, 10**6),
                lambda: odoo.search("no.such.model"),
                lambda: odoo.execute(PARTNER, "no_such_method"),
            ):
                with pytest.raises(RemoteNotFound):
                    call()

    def test_numbers_may_have_64_bits(self):
        with self.running() as odoo:
            assert odoo.execute(PARTNER, "echo", value=2**40) == 2**40

    def test_a_database_may_be_named(self):
        with self.running(database="test") as odoo:
            self.use(odoo)
        with self.running(database="other") as odoo, pytest.raises(RemoteNotFound):
            self.use(odoo)


class TestXmlRpc(OnOdoo):
    def settings(self):
        protocol = {"protocol": "xml-rpc", "database": "test", "security": "user"}
        return {**super().settings(), **protocol}

    def test_what_is_not_there(self):
        with self.running() as odoo:
            with pytest.raises(OdooFault) as caught:
                odoo.read(PARTNER, 10**6)
            assert "does not exist" in caught.value.reason
            with pytest.raises(OdooFault) as caught:
                odoo.search("no.such.model")
            assert "no.such.model" in caught.value.reason

    @pytest.mark.parametrize("odd", ["doctype", "deep"])
    def test_hostile_xml_is_refused(self, odd):
        with self.running() as odoo, pytest.raises(BadAnswer):
            odoo.search(PARTNER, [("name", "=", f"odd:{odd}")])

    def test_numbers_over_32_bits_are_refused(self):
        with self.running() as odoo, pytest.raises(Invalid, match="XML-RPC"):
            odoo.execute(PARTNER, "echo", value=2**40)

    def test_texts_arrive_whole_or_not_at_all(self):
        with self.running() as odoo:
            text = "a\r\nb\rc\td<&>"
            odoo.create(PARTNER, {"name": text})
            # answers are written by Odoo, where carriage returns become line ends
            assert odoo.count(PARTNER, [("name", "=", text)]) == 1
            assert odoo.count(PARTNER, [("name", "=", text.replace("\r\n", "\n"))]) == 0
            for character in ("\x00", "\x1b", "\uffff"):
                with pytest.raises(Invalid, match="control characters"):
                    odoo.execute(PARTNER, "echo", value=f"a{character}b")

    def test_a_key_is_no_login(self):
        with self.running(security="odoo") as odoo, pytest.raises(Invalid, match="a user name"):
            self.use(odoo)


@pytest.mark.evidence("tls")
@pytest.mark.parametrize("protocol", ["json-2", "xml-rpc"])
def test_over_tls(real_server, protocol):
    peer = real_server(SecureOdooStandIn)
    name = "odoo" if protocol == "json-2" else "user"
    settings = {**peer.settings, "protocol": protocol, "database": "test", "security": name}
    made = _made(local_server(peer.password), settings)
    assert "logged in" in made.ping() and made.create(PARTNER, {"name": "Ada"})
    made.stop()
    stranger = _made(local_server(peer.password), {**settings, "tls_ca": "", "retries": 0})
    with pytest.raises(Unavailable, match="tls_ca"):
        stranger.ping()
    stranger.stop()


def _made(server, settings):
    made = OdooOutgoing("erp", load(OdooSettings, settings), server)
    made.start()
    return made


def test_settings_name_what_is_missing():
    with pytest.raises(Invalid) as caught:
        load(OdooSettings, {"address": "https://example.com", "protocol": "xml-rpc"})
    assert set(caught.value.errors) == {"security", "database"}
