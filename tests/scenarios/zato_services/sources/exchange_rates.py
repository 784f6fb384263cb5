"""Exchange rates: kept in Redis, read from a bank, refreshed by a job."""

from __future__ import absolute_import, division, print_function, unicode_literals

from datetime import datetime
from decimal import Decimal

from lxml import objectify

from zato.common import ZatoException
from zato.server.service import Service

PREFIX = "rates:{}:{}"
TTL = 3600


class GetRate(Service):
    """Gives a rate out of Redis; where it is missing the bank is asked."""

    class SimpleIO:
        input_required = ("currency",)
        input_optional = ("day",)
        output_required = ("rate", "source")

    def handle(self):
        day = self.request.input.day or datetime.utcnow().strftime("%Y-%m-%d")
        key = PREFIX.format(day, self.request.input.currency)
        rate = self.kvdb.conn.get(key)
        source = "cache"
        if not rate:
            response = self.outgoing.plain_http.get("Central bank").conn.get(self.cid, {"day": day})
            source = "bank"
            for item in objectify.fromstring(response.content).rate:
                self.kvdb.conn.setex(PREFIX.format(day, item.get("currency")), TTL, item.text)
                if item.get("currency") == self.request.input.currency:
                    rate = item.text
            if not rate:
                raise ZatoException(self.cid, "No rate of {}".format(self.request.input.currency))
        self.response.payload.rate = rate
        self.response.payload.source = source


class Convert(Service):
    """Converts an amount by the rate of a day."""

    class SimpleIO:
        input_required = ("amount", "currency", "day")
        output_required = ("amount", "currency")

    def handle(self):
        found = self.invoke(
            "exchange-rates.get-rate",
            {"currency": self.request.input.currency, "day": self.request.input.day},
        )
        rate = Decimal(found["response"]["rate"])
        amount = (Decimal(self.request.input.amount) * rate).quantize(Decimal("0.01"))
        self.response.payload = {"amount": str(amount), "currency": self.request.input.currency}


class RefreshRates(Service):
    """Run by the scheduler: the job's extra data are the currencies, one a line."""

    def before_interval_based_job(self):
        self.environ["currencies"] = self.request.raw_request.split()

    def handle(self):
        for currency in self.environ.get("currencies", []):
            self.invoke("exchange-rates.get-rate", {"currency": currency, "day": "2014-01-02"})
        self.kvdb.conn.set("rates:refreshed-by", "{}/{}".format(self.channel, self.job_type))


class RefreshStatus(Service):
    """What has refreshed the rates, and which are there."""

    class SimpleIO:
        output_optional = ("refreshed_by", "count")

    def handle(self):
        self.response.payload.refreshed_by = self.kvdb.conn.get("rates:refreshed-by")
        self.response.payload.count = len(self.kvdb.conn.keys("rates:2014-01-02:*"))
