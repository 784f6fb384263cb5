"""An archive of orders in Cassandra, a catalogue in Solr, and payments over IBM MQ."""

from __future__ import absolute_import, division, print_function, unicode_literals

import json
from decimal import Decimal

from zato.server.service import Integer, Service


class ArchiveOrder(Service):
    """Keeps an order in Cassandra, by a prepared statement."""

    class SimpleIO:
        input_required = (Integer("order_no"), "customer", "amount")
        output_required = ("is_archived",)

    def handle(self):
        order = self.request.input
        self.cassandra_query["archive_order"].execute(
            {"id": order.order_no, "customer": order.customer, "amount": Decimal(order.amount)}
        )
        self.response.payload.is_archived = True


class ArchivedOrder(Service):
    """Reads an order by a prepared statement, and how many there are by the driver's session."""

    class SimpleIO:
        input_required = (Integer("order_no"),)
        output_optional = ("customer", "amount", Integer("known"))

    def handle(self):
        rows = list(self.cassandra_query["archived_order"].execute(id=self.request.input.order_no))
        session = self.cassandra_conn.get("Archive").conn
        for row in rows:
            self.response.payload.customer = row["customer"]
            self.response.payload.amount = str(row["amount"])
        statement = "SELECT id FROM orders WHERE id = %s" % self.request.input.order_no
        self.response.payload.known = len(list(session.execute(statement)))


class AddToCatalogue(Service):
    """Puts articles into Solr, and makes them visible at once."""

    def handle(self):
        with self.search.solr["Catalogue"].conn.client() as client:
            client.add(self.request.payload["articles"], commit=True)


class FindInCatalogue(Service):
    """Searches Solr by a word of the title."""

    class SimpleIO:
        input_required = ("word",)
        output_optional = ("sku", "title")
        output_repeated = True

    def handle(self):
        with self.search.solr.get("Catalogue").conn.client() as client:
            for found in client.search("title:{word}".format(word=self.request.input.word)):
                self.response.payload.append({"sku": found["id"], "title": found["title"]})


class Pay(Service):
    """Hands a payment to the bank over IBM MQ, and says where the answer has to go."""

    class SimpleIO:
        input_required = ("invoice", "amount")
        output_required = ("message",)

    def handle(self):
        payment = json.dumps({"invoice": self.request.input.invoice, "cid": self.cid})
        self.response.payload.message = self.outgoing.jms_wmq.send(
            payment, "Bank", "PAYMENTS", 2, 60000, 7, jms_reply_to="PAID"
        )


class Paid(Service):
    """Consumes the bank's answers."""

    def handle(self):
        self.kvdb.conn.hset("paid", self.request.payload["invoice"], str(self.channel))


class PaidInvoices(Service):
    """What the bank has answered so far."""

    def handle(self):
        self.response.payload = self.kvdb.conn.hgetall("paid")
