"""What a bank knows of a customer, natively: from the CRM and the payments, watched by fraud
detection for some.
"""

from __future__ import annotations

from typing import Annotated

from hansa import Model, NotFound, Service, setting

# Redis: the types of customers of which fraud detection wants to hear
WATCHED = "rules:fraud:customer-types"


class GetDetails(Service):
    """Gives a customer's name and last payment."""

    class Input(Model):
        """Whom it is about."""

        cust_id: Annotated[
            str, setting("Number of the customer", pattern="^[0-9]{1,12}$", example="175")
        ]

    class Output(Model):
        """What is known."""

        firstname: str
        lastname: str
        last_payment_date: str
        last_payment_amount: str

    def handle(self):
        """Ask both systems, tell fraud detection where the rules ask for it."""
        who = {"cust_id": self.request.input.cust_id}
        answer = self.outgoing.http["CRM"].get(who)
        if answer.status == 404:
            raise NotFound(f"there is no customer {who['cust_id']}")
        customer = answer.raise_for_status().data
        payment = self.outgoing.http["Payments"].get(who).raise_for_status().data

        if self.server.redis.sismember(WATCHED, customer["type"]):
            self.outgoing.zeromq["Fraud detection"].send(f"READ {who['cust_id']} {self.cid}")

        return self.Output(
            firstname=customer["firstname"],
            lastname=customer["lastname"],
            last_payment_date=payment["date"],
            last_payment_amount=payment["amount"],
        )
