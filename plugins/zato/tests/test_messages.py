"""`self.msg`: pointers, XPath and mappings, by expressions that are defined or given."""

from __future__ import annotations

import decimal
from typing import Any

import pytest
from hansa import Invalid, load
from hansa_devkit.contract import Contract
from hansa_zato.messages.definitions import (
    JSONPointerExpression,
    JSONPointerSettings,
    Namespace,
    XPathExpression,
    XPathSettings,
)
from hansa_zato.messages.elements import find
from hansa_zato.messages.facade import MessageFacade
from lxml import etree

from plugins.zato.tests.facade import Facade


class TestNamespace(Contract):
    cls = Namespace
    good = {"value": "http://example.com/orders"}


class TestXPath(Contract):
    cls = XPathExpression
    good = {"value": "/o:order/o:customer/@id"}


class TestJSONPointer(Contract):
    cls = JSONPointerExpression
    good = {"value": "/order/customer/id"}


ORDER = (
    '<order xmlns="urn:orders"><customer id="7">Ada</customer><line>a</line><line>b</line></order>'
)


@pytest.fixture
def msg(server: Facade) -> MessageFacade:
    expressions: list[tuple[Any, str, str]] = [
        (Namespace, "o", "urn:orders"),
        (XPathExpression, "customer", "/o:order/o:customer"),
        (XPathExpression, "lines", "/o:order/o:line"),
        (JSONPointerExpression, "customer", "/order/customer"),
        (JSONPointerExpression, "amount", "/order/amount"),
    ]
    for cls, name, value in expressions:
        made = cls(name, load(cls.Config, {"value": value}), server.as_server)
        server.objects["message", made.type, name] = made
    return MessageFacade(server.as_server)


def test_what_is_no_expression_is_refused_when_it_is_defined() -> None:
    wrong: list[tuple[Any, str]] = [
        (XPathSettings, "/a["),
        (JSONPointerSettings, "a/b"),
        (JSONPointerSettings, "/a~2"),
    ]
    for model, value in wrong:
        with pytest.raises(Invalid) as caught:
            load(model, {"value": value})
        assert "value" in caught.value.errors


def test_pointers_read(msg: MessageFacade) -> None:
    found = msg.json_pointer({"order": {"customer": "Ada", "a/b": [1, {"~": None}]}})
    assert found.get("customer") == "Ada"
    assert found.get("/order/a~1b/0") == 1
    assert found.get("/order/a~1b/1/~0", "-") is None
    assert found.get("/order/a~1b/9", "-") == found.get("/order/customer/x", "-") == "-"
    with pytest.raises(KeyError, match="custmer"):
        found.get("custmer")


def test_pointers_write(msg: MessageFacade) -> None:
    document: dict[str, Any] = {"order": {"lines": [1]}}
    pointer = msg.json_pointer(document)
    assert pointer.set("customer", "Ada") is document
    pointer.set("/order/lines/0", 2)
    pointer.set("/order/lines/-", 3)
    assert document == {"order": {"lines": [2, 3], "customer": "Ada"}}
    copied = pointer.set("amount", 5, in_place=False)
    assert copied["order"]["amount"] == 5 and "amount" not in document["order"]
    assert pointer.set("amount", 5, return_on_missing=True) is document
    assert "amount" not in document["order"]
    for wrong in ("/order/customer/name", "/order/lines/7", ""):
        with pytest.raises((ValueError, KeyError)):
            pointer.set(wrong, 1)


def test_xpath_reads(msg: MessageFacade) -> None:
    found = msg.xpath(ORDER)
    assert found.get("customer") == "Ada"
    assert found.get("lines") == ["a", "b"]
    assert found.get("/o:order/o:customer/@id") == "7"
    assert found.get("/o:order/o:nope", "-") == "-"
    assert msg.xpath(etree.fromstring(ORDER)).get("/o:order/@none") is None
    with pytest.raises(KeyError, match="q"):
        found.get("/q:order")
    with pytest.raises(ValueError, match="not XML"):
        msg.xpath("<a>")


def test_prefixes_stand_before_one_colon_and_outside_of_literals() -> None:
    root = etree.fromstring("<a:b xmlns:a='one'><n>1</n><a:c xmlns:a='two'>2</a:c></a:b>")
    namespaces = {"x": "one", "y-z": "two"}
    expression = "/x:b/child::y-z:c[. = 2][n or not(text() = 'no:one')]/text()"
    assert find(root, expression, namespaces.__getitem__) == ["2"]
    assert find(root, "3 -y-z:c", {"y-z": "two"}.__getitem__) == [1.0]
    with pytest.raises(KeyError, match="other"):
        find(root, "/x:b/other:c", namespaces.__getitem__)


def test_xpath_writes(msg: MessageFacade) -> None:
    found = msg.xpath(ORDER)
    found.set("customer", "Grace")
    found.set("lines", True)
    found.set("/o:order/o:total/o:amount/@currency", "EUR")
    assert found.get("customer") == "Grace" and found.get("lines") == ["true", "true"]
    assert found.get("/o:order/o:total/o:amount/@currency") == "EUR"
    for wrong in ("/o:other/o:x", "/o:order/o:line[3]"):
        with pytest.raises(ValueError, match="cannot be made"):
            found.set(wrong, 1)


def test_a_mapping_between_kinds_of_documents(msg: MessageFacade) -> None:
    target: dict[str, Any] = {}
    mapper = msg.mapper(etree.fromstring(ORDER), target)
    mapper.map_many([("customer", "customer"), ("int:/o:order/o:customer/@id", "/id")])
    assert not mapper.map("/o:order/o:nope", "/nope")
    assert target == {"order": {"customer": "Ada"}, "id": 7}
    root = etree.fromstring('<order xmlns="urn:orders"/>')
    msg.mapper({"a": 5}, root).map("/a", "/o:order/o:amount")
    assert root[0].text == "5"


def test_conversions(msg: MessageFacade) -> None:
    source = {
        "amount": "1.50",
        "many": ["1", "2"],
        "day": "2026-01-31T10:00:00",
        "country": "DE",
        "other": "XX",
    }
    target: dict[str, Any] = {}
    mapper = msg.mapper(source, target)
    mapper.set_time("german", "DD.MM.YYYY")
    mapper.set_func("twice", lambda value: value * 2)
    mapper.set_substitution("land", {"DE": "Germany"})
    mapper.map_many(
        [
            ("dec:/amount", "/amount"),
            ("twice:int:/many", "/many"),
            ("time:german:/day", "/day"),
            ("arrow:/day", "/arrow"),
            ("land:/country", "/land"),
            ("land:/other", "/unknown"),
        ]
    )
    assert target["amount"] == decimal.Decimal("1.50") and target["many"] == [2, 4]
    assert target["day"] == "31.01.2026" and target["arrow"].day == 31
    assert (target["land"], target["unknown"]) == ("Germany", "XX")
    for wrong in ("nope:/amount", "time:nope:/day"):
        with pytest.raises(KeyError, match="nope"):
            mapper.map(wrong, "/x")
