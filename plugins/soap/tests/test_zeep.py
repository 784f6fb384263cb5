"""Round trips with zeep, an independent client, from nothing but the generated WSDL."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
import requests
import zeep
from hansa import Invalid, Model, NotFound, Refused, Service, Unavailable, setting
from hansa_soap.envelope import V11, V12
from lxml import etree
from zeep.exceptions import Fault

pytestmark = pytest.mark.evidence("real_server")

VERSIONS = ["1.1", "1.2"]
UNEXPECTED = "An unexpected error occurred; the server's log tells more under this cid"


class Line(Model):
    sku: str
    quantity: Annotated[int, setting("How many", ge=1)]
    price: Decimal


class Rebate(Model):
    """What is taken off."""

    percent: float
    until: datetime.date | None


class PlaceOrder(Service):
    """Adds up an order."""

    name = "shop.orders.place-order"

    class Input(Model):
        customer: str
        lines: list[Line]
        note: str | None = None
        express: bool = False
        rebate: Rebate | None = None
        labels: dict[str, str] = {}
        kind: Literal["new", "again"] = "new"

    class Output(Model):
        total: Decimal
        lines: list[Line]
        note: str | None
        placed: datetime.datetime
        labels: dict[str, str]
        rebate: Rebate | None = None
        express: bool

    def handle(self) -> Any:
        order = self.request.input
        return self.Output(
            total=sum((line.price * line.quantity for line in order.lines), Decimal()),
            lines=order.lines,
            note=order.note,
            placed=datetime.datetime(2026, 11, 21, 12, 30, tzinfo=datetime.UTC),
            labels=order.labels,
            rebate=order.rebate,
            express=order.express,
        )


class GetRate(Service):
    name = "treasury.get-rate"

    class Input(Model):
        year: int | None = None

    class Output(Model):
        rate: str

    def handle(self) -> Any:
        year = self.request.input.year
        if year == 1:
            raise NotFound("no rate of the year 1")
        if year == 2:
            raise Unavailable("the cache is down", retry_after=3)
        if year == 3:
            raise RuntimeError("a secret of the server")
        if year == 4:
            raise Invalid({"year": "too early"})
        if year == 5000:
            return self.outgoing.sql["the secret bank"].one("SELECT 1")
        if year == 6000:
            return self.invoke("a secret service")
        return {"rate": f"1.{year or 22}"}


class Untyped(Service):
    name = "untyped"

    def handle(self) -> Any:
        return {"echo": str(self.request.input.word), "words": ["a", "b"]}


class Silent(Service):
    name = "silent.do-it"

    def handle(self) -> None:
        pass


def client(site: Any, query: str = "?wsdl") -> zeep.Client:
    return zeep.Client(f"{site.url}/soap{query}")


@pytest.mark.parametrize("version", VERSIONS)
def test_an_order_goes_in_and_comes_back(site: Any, version: str) -> None:
    site.add(PlaceOrder, soap_action="place", soap_version=version)
    service = client(site).service
    answer = service.PlaceOrder(
        customer="Müller & Söhne <GmbH>",
        lines={
            "item": [
                {"sku": "a", "quantity": 2, "price": Decimal("1.50")},
                {"sku": "b", "quantity": 1, "price": Decimal("0.25")},
            ]
        },
        note="two\nlines",
        express=True,
        rebate={"percent": 2.5, "until": datetime.date(2027, 1, 1)},
        labels={"item": [{"key": "a b", "value": "1"}]},
        kind="again",
    )
    assert answer.total == Decimal("3.25")
    assert [(line.sku, line.quantity) for line in answer.lines.item] == [("a", 2), ("b", 1)]
    assert answer.note == "two\nlines"
    assert answer.placed == datetime.datetime(2026, 11, 21, 12, 30, tzinfo=datetime.UTC)
    assert answer.labels.item[0].key == "a b"
    assert answer.rebate.until == datetime.date(2027, 1, 1)
    assert answer.express is True


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_optional_may_be_left_out(site: Any, version: str) -> None:
    site.add(PlaceOrder, soap_version=version)
    answer = client(site).service.PlaceOrder(customer="x", lines={"item": []})
    assert answer.total == 0
    assert answer.note is None
    assert answer.rebate is None


@pytest.mark.parametrize("version", VERSIONS)
def test_several_operations_at_one_path(site: Any, version: str) -> None:
    site.add(GetRate, soap_action="get-rates", soap_version=version)
    site.add(PlaceOrder, soap_action="place", soap_version=version)
    site.add(Untyped, soap_action="untyped", soap_version=version)
    site.add(GetRate, name="again", soap_action="get-rates-2", soap_version=version)
    found = client(site)
    assert found.service.GetRate(year=5) == "1.5"
    assert found.service.TreasuryGetRate() == "1.22"
    assert found.service.PlaceOrder(customer="x", lines={"item": []}).total == 0
    assert client(site, "?wsdl=get-rates").service.GetRate() == "1.22"
    with pytest.raises(requests.HTTPError):
        client(site, "?wsdl=nothing")


def test_both_versions_at_one_path_and_action(site: Any) -> None:
    site.add(GetRate, name="a", soap_action="rates", soap_version="1.1")
    site.add(GetRate, name="b", soap_action="rates", soap_version="1.2")
    found = client(site)
    ports = {
        port.binding.__class__.__name__: port.name
        for port in found.wsdl.services["Service"].ports.values()
    }
    assert ports == {"Soap11Binding": "Port11", "Soap12Binding": "Port12"}
    assert found.bind("Service", "Port11").GetRate(year=7) == "1.7"
    assert found.bind("Service", "Port12").TreasuryGetRate(year=8) == "1.8"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("year", "status", "sender", "text"),
    [
        (1, 404, True, "no rate of the year 1"),
        (2, 503, False, "the cache is down"),
        (3, 500, False, UNEXPECTED),
        (4, 400, True, "year: too early"),
        (5000, 500, False, UNEXPECTED),
        (6000, 500, False, UNEXPECTED),
    ],
)
def test_faults(site: Any, version: str, year: int, status: int, sender: bool, text: str) -> None:
    site.add(GetRate, soap_version=version)
    found = client(site)
    with pytest.raises(Fault) as caught:
        found.service.GetRate(year=year)
    fault = caught.value
    expected = {"1.1": ("Client", "Server"), "1.2": ("Sender", "Receiver")}[version][
        0 if sender else 1
    ]
    assert fault.code.rpartition(":")[2] == expected
    assert fault.message == text
    detail = {etree.QName(e).localname: e.text for e in fault.detail.iter()}
    assert detail["status"] == str(status)
    assert detail["detail"] == text
    assert detail["cid"]
    with found.settings(raw_response=True):
        response = found.service.GetRate(year=year)
    assert response.status_code == status
    assert response.headers["Content-Type"] == (V11 if version == "1.1" else V12).content_type
    assert response.headers["X-Hansa-CID"] in response.text
    assert "secret" not in response.text


@pytest.mark.parametrize("version", VERSIONS)
def test_a_refused_caller_gets_a_fault(site: Any, version: str) -> None:
    def refuse(request: Any) -> Any:
        raise Refused("who are you?", challenge='Basic realm="x"')

    site.add(GetRate, soap_version=version, authenticate=refuse)
    found = client(site)
    with pytest.raises(Fault, match=r"who are you\?"):
        found.service.GetRate()
    with found.settings(raw_response=True):
        response = found.service.GetRate()
    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, 'Basic realm="x"')


@pytest.mark.parametrize("version", VERSIONS)
def test_a_service_that_answers_nothing(site: Any, version: str) -> None:
    site.add(Silent, soap_version=version)
    found = client(site)
    assert found.service.DoIt() is None
    with found.settings(raw_response=True):
        response = found.service.DoIt()
    body = etree.fromstring(response.content)[0]
    assert body[0].tag == "{urn:hansa:silent}DoItResponse"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("service", [PlaceOrder, GetRate, Silent])
def test_real_answers_are_valid_by_the_schemas_of_the_wsdl(
    site: Any, version: str, service: Any
) -> None:
    site.add(service, soap_version=version)
    root = etree.fromstring(requests.get(f"{site.url}/soap?wsdl", timeout=5).content)
    schemas = [
        etree.XMLSchema(etree.fromstring(etree.tostring(s)))
        for s in root.iter("{http://www.w3.org/2001/XMLSchema}schema")
    ]
    found = client(site)
    arguments = (
        {"customer": "a", "lines": {"item": [{"sku": "s", "quantity": 1, "price": 2}]}}
        if service is PlaceOrder
        else {}
    )
    operation = {PlaceOrder: "PlaceOrder", GetRate: "GetRate", Silent: "DoIt"}[service]
    with found.settings(raw_response=True):
        answer = etree.fromstring(getattr(found.service, operation)(**arguments).content)[0][0]
    assert any(schema.validate(etree.fromstring(etree.tostring(answer))) for schema in schemas)
    request = found.create_message(found.service, operation, **arguments)[0][0]
    assert any(schema.validate(etree.fromstring(etree.tostring(request))) for schema in schemas)


def test_the_address_is_the_one_the_caller_used(site: Any) -> None:
    site.add(GetRate, url_path="/rates/{country}")
    answer = requests.get(
        f"{site.url}/rates/de%20x?wsdl", headers={"Host": "rates.example.com:81"}, timeout=5
    )
    assert answer.headers["Content-Type"] == "text/xml; charset=utf-8"
    assert b'location="http://rates.example.com:81/rates/de%20x"' in answer.content


class Dialect(Service):
    """A service of a dialect that tells its models by a hook and writes its response elements itself."""

    name = "other.list-rates"

    class Row(Model):
        rate: str

    class Rows(Model):
        item: list[Dialect.Row]

    class Asked(Model):
        year: int

    class Answer(Model):
        cid: str
        item_list: Dialect.Rows

    @classmethod
    def io_models(cls) -> tuple[Any, Any, str]:
        return cls.Asked, cls.Answer, "rates"

    def handle(self) -> Any:
        year = str(self.request.input.year)
        root = etree.Element("rates")
        etree.SubElement(root, "cid").text = self.cid
        rows = etree.SubElement(root, "item_list")
        for number in range(2):
            etree.SubElement(etree.SubElement(rows, "item"), "rate").text = f"{year}.{number}"
        return root


@pytest.mark.parametrize("version", VERSIONS)
def test_a_dialect_with_elements_of_its_own(site: Any, version: str) -> None:
    site.add(Dialect, soap_version=version)
    found = client(site)
    answer = found.service.ListRates(year=5)
    assert [row.rate for row in answer.item_list.item] == ["5.0", "5.1"]
    with found.settings(raw_response=True):
        assert b"<rates><cid>" in found.service.ListRates(year=5).content
