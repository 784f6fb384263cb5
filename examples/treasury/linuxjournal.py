"""The treasury example in the Zato dialect: one service fills a cache from a big XML feed, another
serves from the cache.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dateutil.parser import parse
from lxml import etree
from zato.server.service import Service

# Where a rate is kept: linuxjournal:rates:YEAR:MONTH:DAY, months and days with two digits
REDIS_KEY_PATTERN = "linuxjournal:rates:{}:{}:{}"
CONNECTION = "treasury.gov"
NAMESPACES = {
    "m": "http://schemas.microsoft.com/ado/2007/08/dataservices/metadata",
    "d": "http://schemas.microsoft.com/ado/2007/08/dataservices",
}


def get_date(given):
    """The year, month and day to work with: those given, and today's for the others, as text."""
    today = datetime.now(UTC)
    year, month, day = (
        given.get("year") or today.year,
        given.get("month") or today.month,
        given.get("day") or today.day,
    )
    return str(year), str(month).zfill(2), str(day).zfill(2)


class UpdateCache(Service):
    """Stores the rates of a month, by default of this one, in the cache."""

    class SimpleIO:
        """What it takes."""

        input_optional = ("year", "month")

    def handle(self):
        """Fetch the feed and keep each of its rates under its day."""
        year, month, _ = get_date(self.request.input)
        connection = self.outgoing.plain_http.get(CONNECTION)
        query_string = {
            "$filter": f"month(QUOTE_DATE) eq {int(month)} and year(QUOTE_DATE) eq {year}"
        }
        response = connection.conn.get(self.cid, query_string)

        document = etree.fromstring(response.text.encode("utf-8"))
        texts: Any = document.xpath("//m:properties/d:*/text()", namespaces=NAMESPACES)
        for quoted, rate in zip(texts[::2], texts[1::2], strict=True):
            day = parse(quoted)
            key = REDIS_KEY_PATTERN.format(day.year, str(day.month).zfill(2), str(day.day).zfill(2))
            self.kvdb.conn.set(key, rate)
            self.logger.info("Key %s set to %s", key, rate)


class GetRate(Service):
    """Gives the real long-term rate of a day, by default of today."""

    class SimpleIO:
        """What it takes and gives."""

        input_optional = ("year", "month", "day")
        output_optional = ("rate",)

    def handle(self):
        """Read the rate from the cache."""
        year, month, day = get_date(self.request.input)
        self.response.payload.rate = self.kvdb.conn.get(REDIS_KEY_PATTERN.format(year, month, day))
