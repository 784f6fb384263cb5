"""The WSDL is well formed whatever services are called, and its parts refer to one another."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import pytest
import zeep
from hansa import Invalid, Model
from hansa_soap.names import camel, names_of
from hansa_soap.wsdl import Operation, wsdl
from hansa_xml.text import is_name
from hypothesis import given, settings, strategies as st
from lxml import etree


class Inner(Model):
    value: int | None
    again: Inner | None = None


class Given(Model):
    """What is given."""

    inner: list[Inner]
    text: str = ""


def service(name: str, input: Any = Given, output: Any = Inner, **more: Any) -> Any:
    return SimpleNamespace(
        get_name=lambda: name, Input=input, Output=output, __doc__="Does something.", **more
    )


def operation(name: str, *, version: str = "1.1", action: str = "", **more: Any) -> Operation:
    return Operation.of(
        SimpleNamespace(service=name, soap_version=version, soap_action=action),
        service(name, **more),
    )


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("get-rate", "GetRate"),
        ("get_rate", "GetRate"),
        ("getRate", "GetRate"),
        ("2nd", "_2nd"),
        ("", "_"),
        ("größe messen", "GrößeMessen"),
        ("☃", "_"),
    ],
)
def test_names_in_one_word(text: str, name: str) -> None:
    assert camel(text) == name


def test_names_of_a_service() -> None:
    names = names_of(None, service("my-service.get-rate"))
    assert (names.request, names.response, names.namespace) == (
        "GetRate",
        "GetRateResponse",
        "urn:hansa:my-service",
    )
    names = names_of(
        SimpleNamespace(service="a.b.do-it", namespace="urn:own"),
        service("x", response_elem="answer"),
    )
    assert (names.request, names.response, names.namespace) == ("DoIt", "answer", "urn:own")
    assert names_of(None, service("alone", namespace="urn:its-own")).namespace == "urn:its-own"
    assert names_of(None, service("alone")).namespace == "urn:hansa:alone"


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(st.text(max_size=12), st.sampled_from(["1.1", "1.2"])), min_size=1, max_size=4
    )
)
def test_any_names_make_a_wsdl_that_zeep_reads(found: list[tuple[str, str]]) -> None:
    operations = [operation(name, version=version) for name, version in found]
    assert all(is_name(o.names.operation) for o in operations)
    client = zeep.Client(io.BytesIO(wsdl(operations, "http://127.0.0.1/x")))
    ports = client.wsdl.services["Service"].ports.values()
    assert sum(len(port.binding._operations) for port in ports) == len(operations)


def test_types_are_shared_and_recursive() -> None:
    raw = wsdl([operation("a.one"), operation("a.two"), operation("b.one")], "http://h/")
    assert raw.count(b'complexType name="Inner"') == 2  # once in each namespace
    root = etree.fromstring(raw)
    for schema in root.iter("{*}schema"):
        etree.XMLSchema(etree.fromstring(etree.tostring(schema)))
    assert [e.get("name") for e in root.findall("{*}portType/{*}operation")] == [
        "One",
        "Two",
        "BOne",
    ]
    assert b"Does something." in raw


def test_one_response_element_of_two_types() -> None:
    raw = wsdl(
        [
            operation("a.one", response_elem="response"),
            operation("a.two", response_elem="response", output=Given),
        ],
        "http://h/",
    )
    assert raw.count(b'name="response" type="xs:anyType"') == 1


def test_types_that_are_no_models() -> None:
    raw = wsdl(
        [
            operation("a.one", input=None, output=list[Inner]),
            operation("a.two", input=dict[str, int], output=str),
        ],
        "http://h/",
    )
    client = zeep.Client(io.BytesIO(raw))
    assert "TwoResponse" in str(client.wsdl.messages)


def test_the_operation_of_a_channel_is_in_its_version_and_at_its_address() -> None:
    config = SimpleNamespace(service="a.one", soap_version="1.2", soap_action="one")
    root = etree.fromstring(wsdl([Operation.of(config, service("a.one"))], "http://h/a&b"))
    address = root.find(".//{http://schemas.xmlsoap.org/wsdl/soap12/}address")
    assert address is not None
    assert address.get("location") == "http://h/a&b"


def test_an_address_that_cannot_be_written() -> None:
    with pytest.raises(Invalid):
        wsdl([operation("a")], "http://h/\x00")
