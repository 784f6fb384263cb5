"""Messages to and from brokers and sockets: AMQP and ZeroMQ."""

from __future__ import absolute_import, division, print_function, unicode_literals

import json

from zato.server.service import Integer, Service


class ShipOrder(Service):
    """Publishes an order to the warehouse's queue."""

    class SimpleIO:
        input_required = ("order_no",)
        input_optional = (Integer("priority"),)
        output_optional = ("is_published",)

    def handle(self):
        order = {"order_no": self.request.input.order_no, "cid": self.cid}
        properties = {
            "priority": self.request.input.priority or 5,
            "content_type": "application/json",
            "correlation_id": self.cid,
        }
        headers = {"x-kind": "order"}
        self.outgoing.amqp.send(
            json.dumps(order), "Warehouse", "", "shipments", properties, headers
        )
        self.response.payload.is_published = True


class Shipped(Service):
    """Consumes what the warehouse publishes: JSON, one message at a time."""

    def handle(self):
        message = self.request.payload
        if message.get("is_test"):
            self.logger.info("Ignoring a test")
            return
        self.kvdb.conn.hset("shipped", message["order_no"], message["carrier"])
        self.kvdb.conn.set("shipped:channel", str(self.channel))


class Tick(Service):
    """Sends a price to all who listen over ZeroMQ."""

    class SimpleIO:
        input_required = ("symbol", "price")

    def handle(self):
        tick = "{symbol} {price}".format(**self.request.input)
        self.outgoing.zmq.send(tick, "Ticker")


class TakeTick(Service):
    """Takes prices that others push over ZeroMQ."""

    def handle(self):
        text = self.request.raw_request
        if isinstance(text, bytes):
            text = text.decode("utf8")
        symbol, price = text.split()
        self.kvdb.conn.hset("ticks", symbol, price)


class Seen(Service):
    """What has come over brokers and sockets so far."""

    def handle(self):
        self.response.payload = {
            "shipped": self.kvdb.conn.hgetall("shipped"),
            "ticks": self.kvdb.conn.hgetall("ticks"),
            "channel": self.kvdb.conn.get("shipped:channel"),
        }
