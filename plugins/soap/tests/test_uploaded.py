"""A WSDL that was uploaded: judged, served for the address of the caller, and forgotten again."""

from __future__ import annotations

import pytest
from hansa import Invalid, load
from hansa_soap.channel import SoapSettings
from hansa_soap.uploaded import read_document, served
from hansa_soap.wsdl import BINDINGS
from lxml import etree

from plugins.soap.tests.test_channel import Say

CHANNEL = {"url_path": "/soap", "service": Say.get_name()}
TEXT = """<?xml version="1.0" encoding="ISO-8859-1"?>
<!-- ours --><definitions xmlns="http://schemas.xmlsoap.org/wsdl/" targetNamespace="urn:ü"
 xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"><binding name="B" type="P"><soap:binding/></binding>
<service name="S"><port name="one" binding="B"><soap:address location="http://old/soap"/></port>
<port name="two" binding="B"><soap:address location="http://old/else"/></port></service></definitions>"""
ADDRESS = f"{{{BINDINGS['1.1']}}}address"


def locations(document: bytes) -> list[str | None]:
    return [one.get("location") for one in etree.fromstring(document).iter(ADDRESS)]


def test_ports_of_the_path_are_where_the_caller_has_come_to() -> None:
    document = served(TEXT, "1.1", "https://new:1/soap")
    assert locations(document) == ["https://new:1/soap", "http://old/else"]
    assert etree.fromstring(document).get("targetNamespace") == "urn:ü"


@pytest.mark.parametrize(
    ("text", "version", "fault"),
    [
        ("<a/>", "1.1", "is no WSDL 1.1"),
        ("not xml", "1.1", "not well-formed"),
        ("<!DOCTYPE a><a/>", "1.1", "DOCTYPE"),
        (TEXT, "1.2", "no binding for SOAP 1.2"),
    ],
)
def test_what_is_none_is_refused(text: str, version: str, fault: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_document(text, version)
    assert fault in refused.value.errors["wsdl_document"]


def test_settings_are_refused_with_all_faults() -> None:
    given = {"url_path": "/x", "wsdl_document": "<a/>", "soap_action": '"'}
    with pytest.raises(Invalid) as refused:
        load(SoapSettings, given)
    assert {"wsdl_document", "soap_action"} <= refused.value.errors.keys()
