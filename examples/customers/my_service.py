"""What a bank knows of a customer, in the Zato dialect: from the CRM and the payments, watched by
fraud detection for some.
"""

from __future__ import annotations

from zato.server.service import Service

# Redis: the types of customers of which fraud detection wants to hear
WATCHED = "rules:fraud:customer-types"
FRAUD_DETECTION = "Fraud detection"


class GetClientDetails(Service):
    """Gives a customer's name and last payment."""

    class SimpleIO:
        """What it takes and gives."""

        request_elem = "request"
        response_elem = "response"
        input_required = ("cust_id",)
        output_optional = ("firstname", "lastname", "last_payment_date", "last_payment_amount")

    def handle(self):
        """Ask both systems, tell fraud detection where the rules ask for it."""
        cust_id = self.request.input.cust_id
        customer = self.outgoing.plain_http.get("CRM").conn.get(self.cid, {"cust_id": cust_id})
        if customer.status_code == 404:
            self.response.status_code = 404
            self.logger.warning("There is no customer %s", cust_id)
            return
        payment = self.outgoing.plain_http.get("Payments").conn.get(self.cid, {"cust_id": cust_id})

        if self.kvdb.conn.sismember(WATCHED, customer.data["type"]):
            self.outgoing.zmq.send(f"READ {cust_id} {self.cid}", FRAUD_DETECTION)

        self.response.payload.firstname = customer.data["firstname"]
        self.response.payload.lastname = customer.data["lastname"]
        self.response.payload.last_payment_date = payment.data["date"]
        self.response.payload.last_payment_amount = payment.data["amount"]
