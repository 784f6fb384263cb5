"""What a company is worth, asked of two providers at once: one answers in JSON, the other in XML,
callers get one list of both.
"""

from __future__ import annotations

from decimal import Decimal

from anyjson import loads
from bunch import bunchify
from lxml.objectify import fromstring
from zato.server.service import Service

QUERY = 'select * from yahoo.finance.quotes where symbol="{}"'
TABLES = "http://datatables.org/alltables.env"
UNKNOWN = "n/a"


class GetMarketCap(Service):
    """Gives the market capitalization of a company, in billions of USD, as each provider has it."""

    class SimpleIO:
        """What it takes and gives: a list, one item a provider."""

        response_elem = "market_cap"
        input_required = ("symbol",)
        output_required = ("provider", "value")

    def handle(self):
        """Ask both and append an item each."""
        for provider, value in (("Yahoo!", self.yahoo()), ("Google", self.google())):
            self.response.payload.append({"provider": provider, "value": str(value)})

    def yahoo(self):
        """The first provider: JSON, billions with a letter behind them."""
        connection = self.outgoing.plain_http.get("Yahoo! YQL")
        query = {"q": QUERY.format(self.request.input.symbol), "format": "json", "env": TABLES}
        answer = bunchify(loads(connection.conn.get(self.cid, query).text))
        quote = answer.query.results.quote
        return (
            Decimal(quote.MarketCapitalization[:-1])
            if quote and quote.MarketCapitalization
            else UNKNOWN
        )

    def google(self):
        """The second provider: XML, millions in an attribute."""
        connection = self.outgoing.plain_http.get("Google Finance")
        answer = fromstring(
            connection.conn.get(self.cid, {"stock": self.request.input.symbol}).text
        )
        if not hasattr(answer.finance, "market_cap"):
            return UNKNOWN
        return Decimal(answer.finance.market_cap.get("data", "")) / 1000
