"""The other side of invoices.py, natively: an application takes its invoices from its container."""

from __future__ import annotations

from hansa import Model, Service


class Invoice(Model):
    """What an invoice is known by."""

    id: str


class Receive(Service):
    """Takes an invoice for billing, and notes it in Redis."""

    name = "billing.receive"
    Input = Invoice

    def handle(self):
        """Note it."""
        self.server.redis.rpush("billing:invoices", self.request.input.id)
