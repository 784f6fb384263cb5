"""The treasury example as native services: the same two, with typed input and output."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated

from hansa import Model, NotFound, Service, setting
from lxml import etree

KEY = "treasury:rates:{:%Y-%m-%d}"
PROPERTIES = "{http://schemas.microsoft.com/ado/2007/08/dataservices/metadata}properties"
DATA = "{http://schemas.microsoft.com/ado/2007/08/dataservices}"

Year = Annotated[
    int, setting("Year with four digits; by default this year", ge=1900, le=2999, example=2013)
]
Month = Annotated[int, setting("Month; by default this month", ge=1, le=12, example=9)]
Day = Annotated[int, setting("Day of the month; by default today's", ge=1, le=31, example=3)]


class UpdateCache(Service):
    """Stores the rates of a month, by default of this one, in the cache."""

    class Input(Model):
        """The month to fetch."""

        year: Year | None = None
        month: Month | None = None

    class Output(Model):
        """How many rates were stored."""

        stored: int

    def handle(self) -> Output:
        """Fetch the feed and keep each of its rates under its day."""
        today = datetime.now(UTC).date()
        year, month = self.request.input.year or today.year, self.request.input.month or today.month
        query = {"$filter": f"month(QUOTE_DATE) eq {month} and year(QUOTE_DATE) eq {year}"}
        response = self.outgoing.http["treasury.gov"].get(params=query)
        response.raise_for_status()

        found = {}
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
        for properties in etree.fromstring(response.content, parser).iter(PROPERTIES):
            quoted = date.fromisoformat(properties.findtext(DATA + "QUOTE_DATE", "")[:10])
            found[KEY.format(quoted)] = properties.findtext(DATA + "RATE", "")
        if found:
            self.server.redis.mset(found)
        self.log.info("%s-%02d: %s rates stored", year, month, len(found))
        return self.Output(stored=len(found))


class GetRate(Service):
    """Gives the real long-term rate of a day, by default of today."""

    class Input(Model):
        """The day asked for."""

        year: Year | None = None
        month: Month | None = None
        day: Day | None = None

    class Output(Model):
        """The rate, in per cent."""

        rate: str

    def handle(self) -> Output:
        """Read the rate from the cache."""
        given, today = self.request.input, datetime.now(UTC).date()
        try:
            day = date(given.year or today.year, given.month or today.month, given.day or today.day)
        except ValueError as error:
            raise NotFound(str(error)) from None
        rate = self.server.redis.get(KEY.format(day))
        if rate is None:
            raise NotFound(f"no rate is known for {day}")
        return self.Output(rate=str(rate))
