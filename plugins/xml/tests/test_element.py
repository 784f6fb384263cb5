"""Dot access to documents without a declared type."""

from __future__ import annotations

import pytest
from hansa import Invalid, Model
from hansa_xml.element import Element
from hansa_xml.parser import parse

ORDER = Element(
    parse(
        '<o:order xmlns:o="urn:o" '
        'id="7"><o:customer><name>Joe</name></o:customer><o:line>007</o:line><o:line>2.50</o:line>'
        '<o:line/><o:text>child</o:text><o:empty/><o:note lang="en">hi</o:note></o:order>'
    )
)


def test_attributes_are_children_by_local_name() -> None:
    assert str(ORDER.customer.name) == "Joe"
    assert ORDER.customer.name == "Joe"
    assert ORDER["customer"]["name"].text == "Joe"
    assert ORDER["{urn:o}customer"].tag == "{urn:o}customer"
    assert "customer" in ORDER
    assert "other" not in ORDER
    with pytest.raises(AttributeError, match=r"order.*no child.*other"):
        _ = ORDER.other
    with pytest.raises(KeyError):
        _ = ORDER["{urn:x}customer"]


def test_text_is_never_guessed() -> None:
    assert str(ORDER.line) == "007"
    assert int(ORDER.line) == 7
    assert float(ORDER.line[1]) == 2.5
    assert ORDER.line != 7
    with pytest.raises(Invalid, match="name: expected a number"):
        int(ORDER.customer.name)


def test_namesakes() -> None:
    assert len(ORDER.line) == 3
    assert [str(line) for line in ORDER.line] == ["007", "2.50", ""]
    assert str(ORDER.line[-2]) == "2.50"
    assert len(ORDER) == 1
    assert [child.tag for child in ORDER.customer.children] == ["name"]
    with pytest.raises(IndexError):
        _ = ORDER.line[3]


def test_names_that_are_taken() -> None:
    assert ORDER.text == ""
    assert ORDER["text"] == "child"
    assert ORDER.get("id") == "7"
    assert ORDER.get("empty").text == ""
    assert ORDER.get("nothing", "x") == "x"


def test_truth_is_having_content() -> None:
    assert ORDER
    assert ORDER.customer
    assert not ORDER.empty


def test_lxml_is_within_reach() -> None:
    assert ORDER.xpath("count(*)") == 7.0
    assert ORDER.element.find("{urn:o}customer") is not None
    assert ORDER.attrib["id"] == "7"
    assert "customer" in dir(ORDER)
    assert repr(ORDER.customer.name) == "<Element name: 'Joe'>"


def test_plain_data() -> None:
    assert ORDER.to_data() == {
        "@id": "7",
        "customer": {"name": "Joe"},
        "line": ["007", "2.50", ""],
        "text": "child",
        "empty": "",
        "note": {"@lang": "en", "#text": "hi"},
    }
    assert Element(parse("<a><item>1</item></a>")).to_data() == ["1"]
    nil = '<a><b xmlns:x="http://www.w3.org/2001/XMLSchema-instance" x:nil="1"/></a>'
    assert Element(parse(nil)).to_data() == {"b": None}


def test_data_in_the_shape_of_a_model() -> None:
    class Line(Model):
        id: int
        line: list[str]

    assert ORDER.to_data(Line) == {"id": 7, "line": ["007", "2.50", ""]}

    class Number(Model):
        line: list[int]

    with pytest.raises(Invalid) as caught:
        ORDER.to_data(Number)
    assert set(caught.value.errors) == {"line[1]", "line[2]"}


def test_text_between_elements_is_kept() -> None:
    assert Element(parse("<a>x<b>1</b></a>")).to_data() == {"#text": "x", "b": "1"}
    mixed = Element(parse("<a k='v'> x <b>1</b>\n<b>2</b>y</a>"))
    assert mixed.to_data() == {"@k": "v", "#text": [" x ", "y"], "b": ["1", "2"]}
    assert Element(parse("<a><item>1</item>x</a>")).to_data() == {"#text": "x", "item": "1"}
