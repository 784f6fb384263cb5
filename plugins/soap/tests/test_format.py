"""Envelopes in and out, whatever is in them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hansa import Forbidden, HansaError, Invalid, Model, Service, Unavailable
from hansa_soap.envelope import V11, V12, VersionMismatch
from hansa_soap.format import SoapFormat
from hansa_xml.element import Element
from hypothesis import given, settings, strategies as st
from lxml import etree


class Rate(Model):
    rate: str
    days: list[int] = []


class GetRate(Service):
    name = "my-service.get-rate"
    Input = Output = Rate


FORMATS = [SoapFormat(SimpleNamespace(soap_version=version), GetRate) for version in ("1.1", "1.2")]
both = pytest.mark.parametrize("format", FORMATS, ids=["1.1", "1.2"])


@both
def test_an_answer_in_its_envelope(format: SoapFormat) -> None:
    raw = format.render(Rate(rate="1.22", days=[1]), Rate)
    assert (
        raw
        == (
            '<?xml version="1.0" encoding="UTF-8"?>\n<soap:Envelope '
            f'xmlns:soap="{format.version.namespace}"><soap:Body>'
            "<GetRateResponse "
            'xmlns="urn:hansa:my-service"><rate>1.22</rate><days><item>1</item></days></GetRateResponse>'
            "</soap:Body></soap:Envelope>"
        ).encode()
    )
    assert format.parse(raw, Rate) == Rate(rate="1.22", days=[1])


@both
def test_elements_go_out_as_they_are(format: SoapFormat) -> None:
    root = etree.fromstring("<response><zato_env/><item><rate>1.22</rate></item></response>")
    body = etree.fromstring(format.render(root))[0]
    assert etree.tostring(body[0], method="c14n2") == etree.tostring(root, method="c14n2")
    assert format.render(Element(root)) == format.render(root)


@both
def test_without_a_model_the_first_child_of_the_body_is_given(format: SoapFormat) -> None:
    element = format.parse(format.render({"a": {"b": "1"}}))
    assert isinstance(element, Element)
    assert element.element.tag == "{urn:hansa:my-service}GetRateResponse"
    assert element.a.b == "1"


@pytest.mark.parametrize(
    ("content", "where"),
    [
        ("text<s:Body><a/></s:Body>", "Envelope"),
        ("<s:Body><a/></s:Body>text", "Envelope"),
        ("<s:Header/>text<s:Body><a/></s:Body>", "Envelope"),
        ("<s:Header><h/>text</s:Header><s:Body><a/></s:Body>", "Header"),
        ("<s:Header>text</s:Header><s:Body><a/></s:Body>", "Header"),
        ("<s:Body>text<a/></s:Body>", "Body"),
        ("<s:Body><a/>\u00a0</s:Body>", "Body"),
    ],
)
@both
def test_text_beside_the_elements_is_refused(format: SoapFormat, content: str, where: str) -> None:
    def parsed(inner: str) -> Any:
        namespace = format.version.namespace
        return format.parse(f'<s:Envelope xmlns:s="{namespace}">{inner}</s:Envelope>'.encode())

    with pytest.raises(Invalid, match=f"the {where} has text beside its elements"):
        parsed(content)
    assert parsed("\n <!-- a --> <s:Body> <!-- b -->\n<a/>\t</s:Body> ") is not None


@both
def test_content_types(format: SoapFormat) -> None:
    assert format.content_type == format.version.content_type
    assert format.content_type.partition(";")[0] in format.content_types


@pytest.mark.parametrize(
    ("error", "v11", "v12"),
    [
        (Invalid("x"), "Client", "Sender"),
        (Forbidden("x"), "Client", "Sender"),
        (Unavailable("x"), "Server", "Receiver"),
        (HansaError("x"), "Server", "Receiver"),
        (RuntimeError("x"), "Server", "Receiver"),
        (SystemExit(3), "Server", "Receiver"),
        (VersionMismatch("x"), "VersionMismatch", "VersionMismatch"),
    ],
)
def test_codes_of_faults(error: BaseException, v11: str, v12: str) -> None:
    for format, code in zip(FORMATS, (v11, v12), strict=True):
        raw, content_type = format.render_error(error, "K9")
        assert content_type == format.content_type
        root = etree.fromstring(raw)
        texts = [element.text for element in root.iter()]
        assert f"soap:{code}" in texts
        detail = root.find(".//{urn:hansa:error}error")
        assert detail is not None
        assert detail.findtext("{*}cid") == "K9"


@settings(deadline=None)
@given(st.text(), st.dictionaries(st.text(), st.text(), min_size=1, max_size=3))
def test_any_fault_can_be_told(cid: str, errors: dict[str, str]) -> None:
    for format in FORMATS:
        root = etree.fromstring(format.render_error(Invalid(errors), cid)[0])
        assert root.find(".//{urn:hansa:error}error") is not None


parts = st.recursive(
    st.text("ab1 ", max_size=3),
    lambda inner: st.lists(
        st.tuples(
            st.sampled_from(
                ["s:Envelope", "s:Header", "s:Body", "t:Envelope", "Body", "rate", "days", "item"]
            ),
            st.sampled_from(["", ' s:mustUnderstand="1"']),
            inner,
        ),
        max_size=3,
    ).map(lambda found: "".join(f"<{tag}{more}>{content}</{tag}>" for tag, more, content in found)),
    max_leaves=10,
)


@both
def test_any_envelope_is_read_or_invalid(format: SoapFormat) -> None:
    @settings(deadline=None, max_examples=80)
    @given(parts, st.booleans())
    def holds(content: str, whole: bool) -> None:
        names = (
            f'xmlns:s="{format.version.namespace}" '
            f'xmlns:t="{(V12 if format.version is V11 else V11).namespace}"'
        )
        inner = content if whole else f"<s:Body>{content}</s:Body>"
        for model in Rate, None:
            try:
                found: Any = format.parse(
                    f"<s:Envelope {names}>{inner}</s:Envelope>".encode(), model
                )
            except Invalid:
                continue
            assert isinstance(found, Rate if model else Element)

    holds()


def test_a_name_that_xml_cannot_write_is_refused_when_the_channel_is_made() -> None:
    with pytest.raises(Invalid):
        SoapFormat(None, type("Odd", (Service,), {"response_elem": "a b"}))
