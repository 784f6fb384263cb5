"""Operations and bodies against a SOAP server of other make: data, faults, deadlines, and what is
never fetched.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hansa import HansaError, Invalid, TimedOut, Unavailable, load
from hansa_devkit.outgoing_contract import OutgoingContract
from hansa_http.response import BadAnswer
from hansa_soap_client.outgoing import SoapFault, SoapOutgoing
from hansa_soap_client.settings import SoapSettings
from hypothesis import HealthCheck, given, settings, strategies as st
from lxml import etree

Connect = Callable[..., SoapOutgoing]
VERSIONS = pytest.mark.parametrize("version", ["1.1", "1.2"])


class TestContract(OutgoingContract):
    """The outgoing connection keeps the contract of its kind."""

    cls = SoapOutgoing
    timeout_setting = "deadline"
    earlier = ({"address": "https://example.com", "verify": "/etc/ssl/ca.pem"},)
    good: Any = {"address": "http://127.0.0.1:1"}

    @pytest.fixture(autouse=True)
    def _peer(self, foreign: Any) -> None:
        self.foreign = foreign
        self.good = {
            "address": foreign.address,
            "url_path": "/1.1",
            "retry_delay": 0.02,
            "ping_path": "/1.1?wsdl",
        }
        self.good["ping_method"] = "GET"

    def use(self, outgoing: Any) -> None:
        outgoing.send(
            "<get_rate xmlns='urn:quotes'><country>Canada</country></get_rate>", "get_rate"
        )

    def peer_down(self) -> None:
        self.foreign.kill()

    def peer_up(self) -> None:
        self.foreign.start()

    @contextmanager
    def peer_hangs(self) -> Iterator[None]:
        self.foreign.pause()
        yield
        self.foreign.resume()


def text_of(answer: etree._Element | None) -> str | None:
    """The text of the first element in an answer."""
    assert answer is not None
    return answer[0].text


@VERSIONS
def test_operations_give_plain_data(connect: Connect, version: str):
    quotes = connect(version)
    assert quotes.service.get_rate("Canada") == Decimal("1.22")
    assert quotes.service.get_rate(country="Peru") == Decimal(4)
    (found,) = quotes.call("get_rates", {"string": ["Canada"]})
    assert found == {"country": "Canada", "rate": Decimal("1.5"), "day": date(2026, 1, 2)}


@VERSIONS
def test_bodies_as_they_are(connect: Connect, version: str):
    quotes = connect(version, wsdl="")
    body = "<get_rate xmlns='urn:quotes'><country>Canada</country></get_rate>"
    for content in (body, body.encode(), etree.fromstring(body), f"<?xml version='1.0'?>{body}"):
        assert text_of(quotes.send(content, "get_rate")) == "1.22"
    envelope = f'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>{body}</e:Body></e:Envelope>'
    if version == "1.1":
        assert text_of(quotes.send(envelope)) == "1.22"
        assert text_of(quotes.send(body, header="<h xmlns='urn:h'>1</h>")) == "1.22"


@VERSIONS
def test_faults(connect: Connect, version: str):
    quotes = connect(version)
    with pytest.raises(SoapFault, match="no such country") as caught:
        quotes.service.get_rate("Atlantis")
    assert caught.value.status == 502
    assert caught.value.code == "soap-fault"
    assert caught.value.fault_code == ("Client.NotFound" if version == "1.1" else "Sender")
    assert caught.value.outcome == "reject"
    with pytest.raises(SoapFault, match="no such country") as raw:
        quotes.send("<get_rate xmlns='urn:quotes'><country>Atlantis</country></get_rate>")
    assert raw.value.reason == caught.value.reason == "no such country"
    with pytest.raises(SoapFault) as broken:
        quotes.service.broken()
    assert broken.value.outcome == "retry"


def test_a_fault_is_read_by_its_own_elements(connect: Connect, foreign: Any):
    wsdl = f"{foreign.address}/1.2?wsdl"
    quotes = connect("1.2", url_path="/fault-12", wsdl=wsdl)
    for call in (lambda: quotes.send("<a/>"), lambda: quotes.service.get_rate("Canada")):
        with pytest.raises(SoapFault) as caught:
            call()
        fault = caught.value
        assert (fault.fault_code, fault.reason, fault.outcome) == ("Receiver", "too late", "retry")
        assert fault.fault_detail is not None
        assert fault.fault_detail.findtext("Value") == "1"


def test_wrong_operations_and_arguments_are_named(connect: Connect):
    quotes = connect()
    with pytest.raises(
        Invalid, match=r"no operation 'get_rat' \(there are: broken, echo, get_rate"
    ):
        quotes.service.get_rat("x")
    with pytest.raises(Invalid, match="contry"):
        quotes.service.get_rate(contry="x")
    with pytest.raises(Unavailable, match="has no WSDL: set `wsdl`"):
        connect(wsdl="").service.get_rate("x")


@pytest.fixture
def quotes(connect: Connect) -> SoapOutgoing:
    return connect()


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.text(
        st.characters(codec="utf-8", categories=["L", "M", "N", "P", "S", "Zs"]),
        min_size=1,
        max_size=40,
    )
)
def test_any_text_arrives(quotes: SoapOutgoing, text: str):
    assert quotes.service.echo(text) == text


def test_a_fixed_port_and_the_versions_of_the_wsdl(connect: Connect, foreign: Any):
    with pytest.raises(Invalid, match=r"no port for SOAP 1.2 \(ports: Quotes\)"):
        connect("1.1", soap_version="1.2")
    with pytest.raises(Invalid, match=r"port: is not in the WSDL \(there are: Quotes\)"):
        connect(port="Other")
    assert connect(port="Quotes").service.echo("x") == "x"


def test_the_address_in_the_wsdl_does_not_count(connect: Connect, foreign: Any, tmp_path: Path):
    import httpx2

    wsdl = httpx2.get(f"{foreign.address}/1.1?wsdl", trust_env=False).text
    (tmp_path / "q.wsdl").write_text(wsdl.replace(f"127.0.0.1:{foreign.port}", "127.0.0.2:1"))
    assert connect(wsdl=str(tmp_path / "q.wsdl")).service.get_rate("Canada") == Decimal("1.22")


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/elsewhere", "127.0.0.2:1/secret.wsdl, which is not at"),
        ("/entity", "DTD|Dtd|DOCTYPE"),
        ("/html", "wsdl"),
        ("/nowhere", "404"),
        ("/missing", "refers to .*/missing.wsdl, which was answered with status 404"),
    ],
)
def test_what_is_no_wsdl_or_refers_elsewhere_is_refused(
    connect: Connect, foreign: Any, path: str, why: str
):
    with pytest.raises(HansaError, match=why):
        connect(wsdl=foreign.address + path)


def test_settings_that_cannot_work_are_told_at_once(foreign: Any):
    with pytest.raises(Invalid, match=r"wsdl: is not at 127.0.0.1"):
        load(SoapOutgoing.Config, {"address": foreign.address, "wsdl": "http://127.0.0.2/x?wsdl"})
    with pytest.raises(Invalid, match=r"wsdl: there is no file /nowhere\.wsdl"):
        load(SoapOutgoing.Config, {"address": foreign.address, "wsdl": "/nowhere.wsdl"})
    with pytest.raises(Invalid, match="soap_version"):
        load(SoapOutgoing.Config, {"address": foreign.address, "soap_version": "2"})


def test_a_file_cannot_lead_out_of_its_folder(connect: Connect, tmp_path: Path):
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "secret.wsdl").write_text("<definitions xmlns='http://schemas.xmlsoap.org/wsdl/'/>")
    (inside / "a.wsdl").write_text(
        '<definitions xmlns="http://schemas.xmlsoap.org/wsdl/">'
        '<import namespace="u" location="../secret.wsdl"/></definitions>'
    )
    with pytest.raises(Invalid, match="which is not in"):
        connect(wsdl=str(inside / "a.wsdl"))


def test_the_copy_of_the_wsdl_serves_a_start_without_the_other_side(connect: Connect, foreign: Any):
    connect()
    foreign.kill()
    quotes = connect(retries=0)
    with pytest.raises(Unavailable, match="outgoing soap 'quotes'"):
        quotes.service.get_rate("Canada")
    foreign.start()
    assert quotes.service.get_rate("Canada") == Decimal("1.22")


def test_a_dead_or_slow_other_side_is_told_within_the_deadline(connect: Connect):
    quotes = connect(deadline=0.5, timeout=0.5)
    began = time.monotonic()
    with pytest.raises(TimedOut):
        quotes.service.wait(20)
    assert time.monotonic() - began < 5


def test_what_answers_without_soap_is_a_bad_answer(connect: Connect):
    quotes = connect(url_path="/html", wsdl="")
    with pytest.raises(BadAnswer, match="no SOAP answer"):
        quotes.send("<a/>")
    with pytest.raises(Invalid, match="well-formed"):
        quotes.send("<a")


def test_answers_without_end_are_refused(connect: Connect):
    for path, why in (("/huge", "is larger than"), ("/deep", "no SOAP answer")):
        with pytest.raises(BadAnswer, match=why):
            connect(url_path=path, wsdl="", max_response=10_000_000, deadline=60).send("<a/>")
    with pytest.raises(BadAnswer, match="is larger than"):
        connect(url_path="/huge", max_response=10_000_000, deadline=60).service.echo("x")


def test_50_megabytes_are_read_and_a_peer_that_takes_no_such_message_is_told(connect: Connect):
    answer = connect(url_path="/huge", wsdl="", deadline=30, timeout=30).send("<a/>")
    assert answer is not None
    assert len(answer) == 50
    quotes = connect(deadline=30, timeout=30)
    with pytest.raises(SoapFault, match="Request too long"):
        quotes.service.echo("x" * 50_000_000)
    assert quotes.service.echo("x") == "x"


@pytest.mark.parametrize("text", ["\x00", "a\x1bb", "\ud800"])
def test_text_that_xml_does_not_have_is_refused(connect: Connect, text: str):
    quotes = connect()
    with pytest.raises(Invalid):
        quotes.service.echo(text)
    with pytest.raises(Invalid):
        quotes.send(f"<echo xmlns='urn:quotes'><text>{text}</text></echo>")
    assert (
        quotes.service.echo("../../etc/passwd <&> '; DROP TABLE quotes; --")
        == "../../etc/passwd <&> '; DROP TABLE quotes; --"
    )


def test_ws_addressing(connect: Connect, monkeypatch: pytest.MonkeyPatch):
    quotes, sent = connect(ws_addressing=True), []
    request = quotes.request

    def noted(method: str, message: bytes, **options: Any) -> Any:
        sent.append(message)
        return request(method, message, **options)

    monkeypatch.setattr(quotes, "request", noted)
    assert quotes.service.get_rate("Canada") == Decimal("1.22")
    header = etree.fromstring(sent[0])[0]
    found = {etree.QName(part).localname: part.text for part in header}
    assert found["To"] == quotes.url({})
    assert found["Action"]
    assert (found["MessageID"] or "").startswith("urn:uuid:")
    assert etree.QName(header[0]).namespace == "http://www.w3.org/2005/08/addressing"


def test_many_threads_share_one_connection(connect: Connect):
    quotes, wrong = connect(), []

    def work(number: int) -> None:
        for index in range(15):
            text = f"{number}-{index}"
            if quotes.service.echo(text) != text:
                wrong.append(text)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/unknown-type", "get_rate: .*no-such"),
        ("/long-number", "get_rate: get_rateResult is 'yyyy.*', which is no Decimal"),
        ("/no-number", "get_rate: get_rateResult is 'many', which is no Decimal"),
        ("/mixed", "get_rate: get_rateResponse has text beside its elements"),
        ("/inside", "get_rate: get_rateResult has elements where the WSDL has text"),
        ("/rate-500", "status 500 and an Envelope without a Fault"),
        ("/long-text", "no SOAP answer: .*the setting `xml_huge_tree` accepts it"),
        ("/must", r"must be understood and are not: \{urn:h\}paid"),
        ("/html", "no SOAP answer"),
    ],
)
def test_an_answer_that_cannot_be_used_is_a_short_bad_answer(
    connect: Connect, foreign: Any, path: str, why: str
):
    quotes = connect(url_path=path, wsdl=f"{foreign.address}/1.1?wsdl")
    with pytest.raises(BadAnswer, match=why) as caught:
        quotes.service.get_rate("Canada")
    assert (caught.value.status, caught.value.code) == (502, "bad-answer")
    assert len(caught.value.detail) < 3000
    assert "XML_PARSE_HUGE" not in caught.value.detail


def test_settings_for_what_some_peers_answer(connect: Connect, foreign: Any):
    wsdl = f"{foreign.address}/1.1?wsdl"
    paid = connect(url_path="/must", wsdl=wsdl, understood_headers=["{urn:h}paid"])
    assert paid.service.get_rate("Canada") == Decimal("1.5")
    assert paid.send("<a/>") is not None
    assert text_of(connect(url_path="/latin-1", wsdl="").send("<a/>")) == "é"
    huge = connect(url_path="/long-text", wsdl="", xml_huge_tree=True)
    assert text_of(huge.send("<a/>")) == "y" * 11_000_000
    with pytest.raises(BadAnswer, match="`xml_huge_tree`"):
        connect(url_path="/long-text", wsdl="").send("<a/>")
    lenient = connect(url_path="/html", wsdl="", strict=False)
    with pytest.raises(BadAnswer, match=r"expected a SOAP 1\.1 Envelope, got html"):
        lenient.send("<a/>")


def test_an_answer_without_content_is_none(connect: Connect):
    assert connect(url_path="/accepted", wsdl="").send("<a/>") is None


LOOP = """<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" targetNamespace="urn:{number}">
  <import namespace="urn:{other}-{number}" location="{other}.wsdl"/></definitions>"""


def test_a_wsdl_in_a_file_is_judged_when_it_is_defined(tmp_path: Path):
    def refused(name: str, why: str) -> None:
        config = {"address": "http://127.0.0.1:1", "wsdl": str(tmp_path / name)}
        with pytest.raises(Invalid, match=why) as caught:
            SoapOutgoing.prepare(load(SoapSettings, config))
        assert list(caught.value.errors) == ["wsdl"]

    wsdl = '<definitions xmlns="http://schemas.xmlsoap.org/wsdl/">{}</definitions>'
    schema = '<types><schema xmlns="http://www.w3.org/2001/XMLSchema">{}</schema></types>'
    missing = '<import namespace="urn:x" location="gone.wsdl"/>'
    include = schema.format('<include schemaLocation="gone.xsd"/>')
    (tmp_path / "missing.wsdl").write_text(wsdl.format(missing))
    (tmp_path / "include.wsdl").write_text(wsdl.format(include))
    (tmp_path / "1.wsdl").write_text(LOOP.format(number=1, other=1))
    for number in range(2, 500):
        text = LOOP.format(number=number, other=number + 1)
        (tmp_path / f"{number}.wsdl").write_text(text)
    (tmp_path / "text.wsdl").write_text("no xml")
    refused("missing.wsdl", r"refers to .*/gone\.wsdl, which cannot be read: No such file")
    refused("include.wsdl", r"refers to .*/gone\.xsd, which cannot be read: No such file")
    refused("1.wsdl", r"imports .*/1\.wsdl again and again")
    refused("2.wsdl", r"its imports do not come to an end, the last one is .*\d\.wsdl")
    refused("text.wsdl", "cannot be used")


def test_a_wsdl_has_no_documents_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("hansa_soap_client.documents._MOST_DOCUMENTS", 5)
    imports = "".join(f'<import namespace="u{n}" location="{n}.wsdl"/>' for n in range(6))
    for number in range(6):
        text = (
            f'<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" targetNamespace="u{number}"/>'
        )
        (tmp_path / f"{number}.wsdl").write_text(text)
    wsdl = tmp_path / "many.wsdl"
    wsdl.write_text(
        f'<definitions xmlns="http://schemas.xmlsoap.org/wsdl/">{imports}</definitions>'
    )
    config = load(SoapSettings, {"address": "http://127.0.0.1:1", "wsdl": str(wsdl)})
    with pytest.raises(Invalid, match=r"more than 5 documents, .*/4\.wsdl is one too many"):
        SoapOutgoing.prepare(config)


OPEN = """<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:t="urn:open"
  xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/" targetNamespace="urn:open"
  ><types><x:schema xmlns:x="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:open"
  elementFormDefault="qualified"><x:element name="ask"><x:complexType/></x:element><x:element
  name="told"><x:complexType><x:sequence><x:any maxOccurs="2" processContents="lax"/></x:sequence>
  </x:complexType></x:element></x:schema></types>
  <message name="in"><part name="p" element="t:ask"/></message>
  <message name="out"><part name="p" element="t:told"/></message>
  <portType name="type"><operation name="ask"><input message="t:in"/><output message="t:out"/>
  </operation></portType>
  <binding name="b" type="t:type"><s:binding transport="http://schemas.xmlsoap.org/soap/http"/>
  <operation name="ask"><s:operation soapAction=""/><input><s:body use="literal"/></input>
  <output><s:body use="literal"/></output></operation></binding>
  <service name="open"><port name="p" binding="t:b"><s:address location="http://x"/></port></service>
</definitions>"""


def test_content_that_the_wsdl_leaves_open_is_plain_data(connect: Connect, tmp_path: Path):
    (tmp_path / "open.wsdl").write_text(OPEN)
    quotes = connect(url_path="/open", wsdl=str(tmp_path / "open.wsdl"))
    mixed = {"@k": "v", "#text": "one", "b": "two"}
    assert quotes.service.ask() == [{"a": mixed}, {"c": "3"}]


TYPED = OPEN.replace(
    '<x:any maxOccurs="2" processContents="lax"/>',
    """<x:element name="n" type="x:int"/><x:element name="o" type="x:string" minOccurs="0"/>
    <x:choice><x:element name="c" type="x:int"/><x:element name="d" type="x:int"/></x:choice>
    <x:element name="m" type="x:int"/>
    <x:sequence minOccurs="0"><x:element name="e" type="x:int"/></x:sequence>""",
)


def test_an_answer_has_what_its_wsdl_demands_unless_it_is_read_leniently(
    connect: Connect, tmp_path: Path
):
    (tmp_path / "typed.wsdl").write_text(TYPED)

    def ask(path: str, **settings: Any) -> Any:
        return connect(url_path=path, wsdl=str(tmp_path / "typed.wsdl"), **settings).service.ask()

    whole = ask("/whole")
    assert (whole["n"], whole["c"], whole["m"]) == (1, 2, 3)
    with pytest.raises(BadAnswer, match="ask: told has no m"):
        ask("/lacking")
    assert ask("/lacking", strict=False)["m"] is None
    with pytest.raises(BadAnswer, match=r"ask: .*extra"):
        ask("/more")
    assert ask("/more", strict=False)["_raw_elements"] == [{"extra": "4"}]
