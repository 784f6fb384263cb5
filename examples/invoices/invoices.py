"""Invoices for any number of applications, in the Zato dialect: each is stored in a container of
OpenStack Swift for each application that a caller names.
"""

from __future__ import annotations

from zato.server.service import List, Service


class InvoiceDispatcher(Service):
    """Stores an invoice for each target."""

    name = "invoice.dispatcher"

    class SimpleIO:
        """What it takes: the containers, from wherever a caller names them."""

        input_required = (List("target"),)

    def handle(self):
        """Store what came, as it came."""
        conn = self.cloud.openstack.swift["Invoice Dispatcher"].conn
        with conn.client() as client:
            for target in self.request.input.target:
                client.put_object(target, "Invoice", self.request.raw_request)
