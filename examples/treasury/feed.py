"""An OData feed of the shape in which the US Treasury published its real long-term rates: a
service, or a server of its own.

`python feed.py` serves it by itself and prints where; deployed to Hansa, the service `feed.rates`
gives the same bytes. September 2013 is written out below, every other day is made up, always the
same for the same seed.
"""

from __future__ import annotations

import argparse
import random
import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from hansa import Invalid, Service

CONTENT_TYPE = "application/atom+xml;type=feed;charset=utf-8"
FILTER = re.compile(r"month\(QUOTE_DATE\) eq (\d{1,2}) and year\(QUOTE_DATE\) eq (\d{4})")
SEPTEMBER_2013 = {
    3: "1.22",
    4: "1.28",
    5: "1.35",
    6: "1.31",
    9: "1.27",
    10: "1.33",
    11: "1.29",
    12: "1.25",
    13: "1.24",
    16: "1.23",
    17: "1.21",
    18: "1.08",
    19: "1.12",
    20: "1.10",
    23: "1.07",
    24: "1.03",
    25: "1.01",
    26: "1.05",
    27: "1.04",
    30: "1.06",
}


def rate(day: date, seed: int = 0) -> str | None:
    """The rate of a day in per cent, with two decimals; None where markets are closed."""
    if (day.year, day.month) == (2013, 9):
        return SEPTEMBER_2013.get(day.day)
    if day.weekday() > 4:
        return None
    return f"{random.Random(f'{seed} {day.isoformat()}').uniform(0.4, 2.4):.2f}"


def quotes(
    year: int, month: int | None = None, *, count: int | None = None, seed: int = 0
) -> Iterator[tuple[datetime, str]]:
    """Every quote of a month or of a whole year, in order; `count` spreads so many over the days,
    some seconds apart.
    """
    day = date(year, month or 1, 1)
    days: list[tuple[date, str]] = []
    while day.year == year and month in (None, day.month):
        if value := rate(day, seed):
            days.append((day, value))
        day += timedelta(days=1)
    each, more = divmod(count if count is not None else len(days), len(days))
    for index, (day, value) in enumerate(days):
        for second in range(each + (index < more)):
            yield datetime(day.year, day.month, day.day) + timedelta(seconds=second), value


def atom(found: Iterator[tuple[datetime, str]]) -> Iterator[bytes]:
    """The feed, piece by piece: Atom, with each quote as the properties of an OData entry."""
    yield (
        b'<?xml version="1.0" encoding="utf-8" standalone="yes"?>\n'
        b'<feed xmlns="http://www.w3.org/2005/Atom" '
        b'xmlns:d="http://schemas.microsoft.com/ado/2007/08/dataservices" '
        b'xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata">\n'
        b'  <title type="text">DailyTreasuryRealLongTermRateAverageData</title>\n'
    )
    for number, (when, value) in enumerate(found, 1):
        yield (
            f"  <entry>\n    <id>DailyTreasuryRealLongTermRateAverageData({number})</id>\n"
            f'    <title type="text" />\n    <updated>{when.isoformat()}Z</updated>\n'
            f"    <author><name /></author>\n"
            f'    <content type="application/xml">\n      <m:properties>\n'
            f'        <d:QUOTE_DATE m:type="Edm.DateTime">{when.isoformat()}</d:QUOTE_DATE>\n'
            f'        <d:RATE m:type="Edm.Double">{value}</d:RATE>\n'
            f"      </m:properties>\n    </content>\n  </entry>\n"
        ).encode()
    yield b"</feed>\n"


def wanted(expression: str | None) -> tuple[int, int | None]:
    """Year and month of a `$filter`; without one, the year 2013. Raises `ValueError` for what the
    feed cannot read.
    """
    if not expression:
        return 2013, None
    match = FILTER.fullmatch(expression.strip())
    if match is None or not 1 <= int(match[1]) <= 12 or not 1900 <= int(match[2]) <= 2999:
        raise ValueError(f"cannot read the filter {expression!r}")
    return int(match[2]), int(match[1])


class Rates(Service):
    """The feed as a service, so that the example needs nothing beyond its own server."""

    def handle(self) -> bytes:
        """Give the entries that the parameter `$filter` asks for."""
        try:
            year, month = wanted(self.request.params.get("$filter"))
        except ValueError as error:
            raise Invalid({"$filter": str(error)}) from None
        self.response.content_type = CONTENT_TYPE
        return b"".join(atom(quotes(year, month)))


class Handler(BaseHTTPRequestHandler):
    """The feed as a server of its own; `count` and `seed` are set for all of its answers."""

    protocol_version = "HTTP/1.1"
    count: int | None = None
    seed: int = 0

    def do_GET(self) -> None:
        """Give the entries that the parameter `$filter` asks for."""
        filters = parse_qs(urlsplit(self.path).query).get("$filter", [None])
        try:
            year, month = wanted(filters[0])
        except ValueError as error:
            self.send_error(400, str(error))
            return
        body = b"".join(atom(quotes(year, month, count=self.count, seed=self.seed)))
        self.send_response(200)
        self.send_header("Content-Type", CONTENT_TYPE)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, format: str, *arguments: Any) -> None:
        """Keep quiet."""


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--port", type=int, default=0, help="port on 127.0.0.1; by default a free one"
    )
    parser.add_argument(
        "--entries",
        type=int,
        help="how many entries each answer has; by default one for each business day",
    )
    parser.add_argument("--seed", type=int, default=0, help="another seed makes other rates up")
    arguments = parser.parse_args()
    handler = type(
        "SeededHandler", (Handler,), {"count": arguments.entries, "seed": arguments.seed}
    )
    with ThreadingHTTPServer(("127.0.0.1", arguments.port), handler) as server:
        print(f"http://127.0.0.1:{server.server_port}/feed.svc/Rates", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
