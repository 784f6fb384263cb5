"""The schema of a model, and what it refuses."""

from __future__ import annotations

from typing import Annotated, Any

from hansa import Model, setting
from hansa_xml.schema import Schema, xsd_types
from lxml import etree


class Kind(Model):
    """Of what sort it is."""

    word: Annotated[str, setting("A word", min_length=2)]


class Thing(Model):
    kind: Kind
    other: Kind | None = None
    count: Annotated[int, setting("How many", ge=1, lt=10)]


def same_name() -> Any:
    class Kind(Model):
        number: int

    return Kind


def is_valid(schema: bytes, document: str) -> bool:
    return bool(etree.XMLSchema(etree.fromstring(schema)).validate(etree.fromstring(document)))


def test_it_is_a_schema_with_the_documentation() -> None:
    schema = xsd_types(Thing, "thing", "urn:thing")
    assert is_valid(
        schema, '<thing xmlns="urn:thing"><kind><word>ab</word></kind><count>9</count></thing>'
    )
    assert not is_valid(schema, "<thing><kind><word>ab</word></kind><count>9</count></thing>")
    assert not is_valid(
        schema, '<thing xmlns="urn:thing"><kind><word>a</word></kind><count>9</count></thing>'
    )
    assert not is_valid(
        schema, '<thing xmlns="urn:thing"><kind><word>ab</word></kind><count>10</count></thing>'
    )
    assert not is_valid(schema, '<thing xmlns="urn:thing"><count>9</count></thing>')
    for text in b"Of what sort it is.", b"A word", b"How many":
        assert text in schema
    assert schema.count(b'complexType name="Kind"') == 1


def test_two_models_of_one_name() -> None:
    other = same_name()

    class Both(Model):
        one: Kind
        two: other  # type: ignore[valid-type]  # a class made at run time

    Both.__annotations__ = {"one": Kind, "two": other}
    schema = xsd_types(Both, "both")
    assert is_valid(schema, "<both><one><word>ab</word></one><two><number>1</number></two></both>")
    assert b'complexType name="Kind2"' in schema


def test_anything_goes_where_nothing_is_declared() -> None:
    assert is_valid(xsd_types(None), "<response><a/>text<b c='d'/></response>")


def test_one_element_of_two_types_holds_anything() -> None:
    schema = Schema("urn:x")
    schema.add_element("response", Thing)
    schema.add_element("response", Thing)
    schema.add_element("response", Kind)
    raw = etree.tostring(schema.root)
    assert is_valid(raw, '<response xmlns="urn:x"><x/></response>')
    assert raw.count(b'name="response"') == 1
