"""A cache refreshed from an XML feed, and served as JSON, XML and SOAP by two services."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

SOURCE = '''
from datetime import datetime
from dateutil.parser import parse
from lxml import etree
from zato.server.service import Service

KEY = "bank:rates:{}:{}:{}"
NAMESPACES = {
    "m": "http://schemas.microsoft.com/ado/2007/08/dataservices/metadata",
    "d": "http://schemas.microsoft.com/ado/2007/08/dataservices",
}


def asked(input):
    now = datetime(2013, 9, 3)
    month = input.get("month") or str(now.month)
    day = input.get("day") or str(now.day)
    return input.get("year") or now.year, month.zfill(2), day.zfill(2)


class UpdateCache(Service):
    """ Refreshes the cache of rates.
    """
    def handle(self):
        out = self.outgoing.plain_http.get('Rates of the treasury')
        query = {'$filter': 'month(QUOTE_DATE) eq {} and year(QUOTE_DATE) eq {}'.format(9, 2013)}
        response = out.conn.get(self.cid, query)
        xml = etree.fromstring(response)
        elements = xml.xpath('//m:properties/d:*/text()', namespaces=NAMESPACES)
        for date, rate in zip(elements[::2], elements[1::2]):
            date = parse(date)
            key = KEY.format(date.year, str(date.month).zfill(2), str(date.day).zfill(2))
            self.kvdb.conn.set(key, rate)
            self.logger.info('Key %s set to %s', key, rate)


class GetRate(Service):
    """ Gives the rate of a day, today's if none is named.
    """
    class SimpleIO:
        input_optional = ('year', 'month', 'day')
        output_optional = ('rate',)

    def handle(self):
        year, month, day = asked(self.request.input)
        self.response.payload.rate = self.kvdb.conn.get(KEY.format(year, month, day))
'''

FEED = b"""<?xml version="1.0" encoding="utf-8"?>
<feed xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata"
      xmlns:d="http://schemas.microsoft.com/ado/2007/08/dataservices" xmlns="http://www.w3.org/2005/Atom">
  <entry><content type="application/xml"><m:properties>
    <d:QUOTE_DATE m:type="Edm.DateTime">2013-09-03T00:00:00</d:QUOTE_DATE>
    <d:RATE m:type="Edm.Double">1.22</d:RATE>
  </m:properties></content></entry>
  <entry><content type="application/xml"><m:properties>
    <d:QUOTE_DATE m:type="Edm.DateTime">2013-09-04T00:00:00</d:QUOTE_DATE>
    <d:RATE m:type="Edm.Double">1.25</d:RATE>
  </m:properties></content></entry>
</feed>"""


@pytest.fixture
def rates(cached: Any, backend: Any, deploy: Any) -> Any:
    backend.answer = lambda request: (
        200,
        {"Content-Type": "application/atom+xml;charset=utf-8"},
        FEED,
    )
    cached.connect("Rates of the treasury", address=backend.url, url_path="/feed")
    cached.classes = deploy(SOURCE, "treasury.py")
    cached.add(*cached.classes.values())
    return cached


def test_names(rates: Any) -> None:
    assert sorted(cls.get_name() for cls in rates.classes.values()) == [
        "treasury.get-rate",
        "treasury.update-cache",
    ]


@pytest.fixture
def filled(rates: Any) -> Any:
    response = rates.call(rates.classes["UpdateCache"], b"", "", type="schedule")
    assert (response.status, response.raw) == (200, b"")
    return rates


def test_the_feed_is_asked_for_with_the_query_and_cached(filled: Any, backend: Any) -> None:
    assert filled.redis.get("bank:rates:2013:09:03") == "1.22"
    assert filled.redis.get("bank:rates:2013:09:04") == "1.25"
    (asked,) = backend.requests
    assert asked.path.startswith(
        "/feed?%24filter=month%28QUOTE_DATE%29+eq+9+and+year%28QUOTE_DATE%29+eq+2013"
    )
    assert asked.headers["X-Zato-CID"]


def test_json(filled: Any) -> None:
    response = filled.call(filled.classes["GetRate"], b'{"year": 2013, "month": "9", "day": "3"}')
    assert response.raw == b'{"response":{"rate":"1.22"}}'
    assert response.content_type.startswith("application/json")
    assert response.headers["X-Zato-CID"] == response.cid
    assert filled.call(filled.classes["GetRate"], b"").raw == b'{"response":{"rate":"1.22"}}'


def test_json_of_a_day_that_is_not_there(filled: Any) -> None:
    assert (
        filled.call(filled.classes["GetRate"], b'{"year": "1999", "month": "9", "day": "3"}').raw
        == b'{"response":{"rate":null}}'
    )


def test_xml(filled: Any) -> None:
    body = "<request><year>2013</year><month>9</month><day>4</day></request>"
    root = etree.fromstring(filled.call(filled.classes["GetRate"], body, "xml", cid="K1").raw)
    assert etree.tostring(root) == (
        b"<response><zato_env><cid>K1</cid><result>ZATO_OK</result></zato_env>"
        b"<item><rate>1.25</rate></item></response>"
    )


def test_soap(filled: Any) -> None:
    body = """<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"
        xmlns:z="https://zato.io/ns/20130518">
        <soapenv:Body><z:request><z:year>2013</z:year><z:month>9</z:month>
        <z:day>4</z:day></z:request></soapenv:Body></soapenv:Envelope>"""
    response = filled.call(filled.classes["GetRate"], body, "soap", type="soap")
    root = etree.fromstring(response.raw)
    assert response.status == 200
    assert root.tag == "{http://schemas.xmlsoap.org/soap/envelope/}Envelope"
    assert root.xpath("//*[local-name() = 'Body']/response/item/rate/text()") == ["1.25"]
    assert root.xpath("//zato_env/result/text()") == ["ZATO_OK"]


def test_the_address_is_edited_without_touching_the_service(filled: Any, backend: Any) -> None:
    filled.connect("Rates of the treasury", address=backend.url, url_path="/elsewhere")
    assert filled.call(filled.classes["UpdateCache"], b"", "", type="schedule").status == 200
    assert backend.requests[-1].path.startswith("/elsewhere?")


def test_the_example_of_the_readme(cached: Any, deploy: Any) -> None:
    text = (Path(__file__).parent.parent / "README.md").read_text()
    source = re.findall(r"```python\n(.*?)```", text, re.S)[0]
    cls = deploy(source, "rates.py")["GetRate"]
    assert cls.get_name() in text
    cached.redis.set("rates:2013-09-03", "1.22")
    assert cached.call(cls, '{"day": "2013-09-03"}').raw.decode() in text
    xml = cached.call(
        cls, "<request><day>2013-09-03</day></request>", "xml", cid="K0..."
    ).raw.decode()
    assert xml in text
    assert cached.call(cls, "{}", cid="K0...").raw.decode() in text
