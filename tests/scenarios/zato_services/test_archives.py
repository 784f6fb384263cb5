"""Services over Cassandra, Solr, IBM MQ, WebSockets and a directory."""

from __future__ import annotations

import json

from websockets.exceptions import ConnectionClosed

from plugins.ldap.tests.slapd import ALICE
from plugins.websocket.tests.support import client


def test_orders_in_cassandra(zato):
    order = {"order_no": "7", "customer": "Zoë", "amount": "10.50"}
    assert zato.call("/archive/orders", order)["response"] == {"is_archived": True}
    found = zato.call("/archive/orders/7", {})["response"]
    assert found == {"customer": "Zoë", "amount": "10.50", "known": 1}


def test_articles_in_solr(zato):
    articles = [{"id": "1", "title": "Grüner Tee"}, {"id": "2", "title": "Kaffee"}]
    assert zato.ask("/articles", {"articles": articles}).status_code == 200
    assert zato.call("/articles/tee", {})["response"] == [{"sku": "1", "title": "Grüner Tee"}]


def test_payments_to_a_queue_manager(zato):
    paid = zato.call("/pay", {"invoice": "R-Ü", "amount": "5"})["response"]
    assert paid["message"].startswith("ID:")
    [message] = zato.mqweb.queues["PAYMENTS"]
    assert json.loads(message.body)["invoice"] == "R-Ü"
    assert (message.fields["replyto"], message.fields["priority"]) == ("PAID", "7")


def test_answers_from_a_queue_manager(zato, wait):
    zato.mqweb.put("PAID", json.dumps({"invoice": "R-8"}))
    wait(lambda: zato.call("/paid") == {"R-8": "jms-wmq"}, 30)
    assert not zato.mqweb.complaints


def test_clients_talk_in_a_room(zato, wait):
    with client(zato.desk, "/desk") as ada, client(zato.desk, "/desk") as zoe:
        for one in (ada, zoe):
            one.send(json.dumps({"room": "sales", "name": "x"}))
            assert json.loads(one.recv(30)) == {"room": "sales", "channel": "web-socket"}
        ada.send(json.dumps({"room": "sales", "name": "Ada", "text": "Größe?"}))
        assert json.loads(zoe.recv(30)) == {"from": "Ada", "text": "Größe?"}


def test_a_service_talks_to_the_desk_as_its_client(zato, wait):
    # the connection is tried again until the channel of the same server listens
    wait(lambda: zato.ask("/desk/ask", {"room": "kitchen"}).status_code == 200, 30)
    assert zato.call("/desk/ask", {"room": "kitchen"}) == {"answer": "kitchen"}


def test_a_service_hears_what_is_said(zato, wait):
    def heard():
        with client(zato.desk, "/desk") as one:
            one.send(json.dumps({"room": "support", "name": "Ada", "text": "Hilfe für Zoë"}))
            try:
                one.recv(30)
            except ConnectionClosed:
                return False
        return "Hilfe für Zoë" in zato.call("/desk/overheard")

    wait(heard, 30)


def test_staff_logs_in_by_the_directory(zato):
    assert zato.ask("/staff/me").status_code == 401
    assert zato.ask("/staff/me", auth=("alice", "wrong")).status_code == 401
    me = zato.call("/staff/me", auth=("alice", "wonderland"))
    assert (me["username"], me["definition"]) == ("alice", "staff")
    assert "staff" in me["groups"].split(",")


def test_staff_is_looked_up_with_a_library(zato):
    assert zato.call("/staff?name=alice", {})["dn"] == ALICE
    assert not zato.call("/staff?name=*", {}).get("dn")
