"""The format xml as channels use it: forms that clients send, faults, roots, and errors."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Annotated, Any, Literal

import pydantic
import pytest
from hansa import Conflict, Invalid, Misused, Model, Request, Secret, Service, setting
from hansa.contract.service import Binding
from hansa.runtime.routes import compile_route
from hansa_devkit import LocalServer
from hansa_xml.element import Element
from hansa_xml.format import XmlFormat
from hypothesis import given, settings, strategies as st
from lxml import etree


class Part(Model):
    sku: str
    count: Annotated[int, setting("How many", ge=1)] = 1


class Order(Model):
    id: int
    parts: list[Part] = []
    tags: list[str] = []
    labels: dict[str, int] = {}
    price: Decimal | None = None
    paid: bool = False
    ratio: float = 0.0
    mode: Literal["fast", "slow"] = "slow"
    size: Literal[1, 2] = 1
    note: str | None = None
    either: int | bool | None = None
    part_or_name: Part | str = ""
    password: Secret = Secret("")

    def check(self) -> None:
        if self.id == 13:
            raise Invalid({"id": "is not for us"})


format = XmlFormat()


def read(content: str) -> Order:
    return format.parse(f"<order>{content}</order>".encode(), Order)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("<id>5</id>", Order(id=5)),
        ("<id> +05 </id>", Order(id=5)),
        ("<id>5</id><unknown><deep/></unknown>", Order(id=5)),
        ('<x:id xmlns:x="urn:x">5</x:id><note xmlns="urn:y">n</note>', Order(id=5, note="n")),
        ("<id>5</id><tags><item>a</item><item>b</item></tags>", Order(id=5, tags=["a", "b"])),
        ("<tags>a</tags><id>5</id><tags>b</tags>", Order(id=5, tags=["a", "b"])),
        ("<id>5</id><tags>a</tags>", Order(id=5, tags=["a"])),
        ("<id>5</id><tags/>", Order(id=5, tags=[])),
        (
            "<id>5</id><parts><sku>007</sku></parts><parts><sku>1</sku><count>2</count></parts>",
            Order(id=5, parts=[Part(sku="007"), Part(sku="1", count=2)]),
        ),
        ("<id>5</id><parts><item><sku>a</sku></item></parts>", Order(id=5, parts=[Part(sku="a")])),
        ('<id>5</id><parts sku="a" count="3"/>', Order(id=5, parts=[Part(sku="a", count=3)])),
        (
            "<id>5</id><labels><item><key>a</key><value>1</value></item></labels>",
            Order(id=5, labels={"a": 1}),
        ),
        ("<id>5</id><labels><a>1</a><b>2</b></labels>", Order(id=5, labels={"a": 1, "b": 2})),
        ("<id>5</id><price>1.10</price>", Order(id=5, price=Decimal("1.10"))),
        ("<id>5</id><price/>", Order(id=5, price=None)),
        (
            '<id>5</id><note xsi:nil="true" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"/>',
            Order(id=5, note=None),
        ),
        ("<id>5</id><note/>", Order(id=5, note="")),
        ("<id>5</id><note> a &amp; <![CDATA[<b>]]> </note>", Order(id=5, note=" a & <b> ")),
        ("<id>5</id><ratio>1e3</ratio>", Order(id=5, ratio=1000.0)),
        ("<id>5</id><mode> fast </mode><size>2</size>", Order(id=5, mode="fast", size=2)),
        ("<id>5</id><either>7</either>", Order(id=5, either=7)),
        ("<id>5</id><either>true</either>", Order(id=5, either=True)),
        ("<id>5</id><part_or_name>Joe</part_or_name>", Order(id=5, part_or_name="Joe")),
        (
            "<id>5</id><part_or_name><sku>x</sku></part_or_name>",
            Order(id=5, part_or_name=Part(sku="x")),
        ),
        ("<id>5</id><password>p</password>", Order(id=5, password=Secret("p"))),
    ],
)
def test_forms_that_clients_send(content: str, expected: Order) -> None:
    assert read(content) == expected


@pytest.mark.parametrize(
    ("content", "path"),
    [
        ("<id>5</id>text", ""),
        ("text<id>5</id>", ""),
        ("<id>5</id><tags>x<item>a</item></tags>", "tags"),
        ("<id>5</id><labels><a>1</a>x</labels>", "labels"),
        ("<id>5</id><parts><sku>a</sku>x</parts>", "parts[0]"),
    ],
)
def test_text_between_elements_is_a_fault(content: str, path: str) -> None:
    with pytest.raises(Invalid) as caught:
        read(content)
    assert caught.value.errors == {path: "expected elements, got text beside them"}


@pytest.mark.parametrize("word", ["true", "1", "yes", "Y", "ON", " True "])
def test_words_for_true(word: str) -> None:
    assert read(f"<id>5</id><paid>{word}</paid>").paid is True


@pytest.mark.parametrize("word", ["false", "0", "no", "N", "Off"])
def test_words_for_false(word: str) -> None:
    assert read(f"<id>5</id><paid>{word}</paid>").paid is False


def test_all_faults_at_once_by_path() -> None:
    with pytest.raises(Invalid) as caught:
        read(
            "<parts><item><sku>a</sku><count>0</count></item><item><count>many</count></item></parts><labels><a>x</a></labels>"
            "<price>NaN</price><paid>maybe</paid><ratio>INF</ratio><mode>medium</mode><size>3</size><note>1</note><note>2</note>"
        )
    assert caught.value.errors == {
        "id": "required, and missing",
        "parts[0].count": "Expected `int` >= 1",
        "parts[1].sku": "required, and missing",
        "parts[1].count": "expected a whole number, got 'many'",
        "labels.a": "expected a whole number, got 'x'",
        "price": "expected a decimal number, got 'NaN'",
        "paid": "expected true or false, got 'maybe'",
        "ratio": "expected a finite number, got 'INF'",
        "mode": "Invalid enum value 'medium'",
        "size": "Expected `int`, got `str`",
        "note": "given more than once",
    }


@pytest.mark.parametrize(
    "content",
    [
        "<id/>",
        "<id>1_0</id>",
        "<id>\u0661</id>",
        "<id>1.0</id>",
        f"<id>{'9' * 5000}</id>",
        "<id><b/></id>",
        "<id>5</id><id>6</id>",
        "<id>13</id>",
        "text",
    ],
)
def test_no_whole_number(content: str) -> None:
    with pytest.raises(Invalid) as caught:
        read(content)
    assert set(caught.value.errors) & {"id", ""}


def test_checks_run_inside_lists_too() -> None:
    assert format.parse(b"<a><item><id>1</id></item></a>", list[Order]) == [Order(id=1)]
    with pytest.raises(Invalid) as caught:
        format.parse(b"<a><item><id>1</id></item><item><id>13</id></item></a>", list[Order])
    assert caught.value.errors == {"[1].id": "is not for us"}
    with pytest.raises(Invalid) as caught:
        format.parse(b"<a><item><id>x</id></item></a>", list[Order])
    assert caught.value.errors == {"[0].id": "expected a whole number, got 'x'"}


def test_a_lone_text_is_no_model() -> None:
    with pytest.raises(Invalid, match="expected elements, got text"):
        read("<id>5</id><parts>text</parts>")


class Outer(pydantic.BaseModel):
    count: int
    name: str = "x"


def test_pydantic_models() -> None:
    assert format.parse(b"<a><count>3</count></a>", Outer) == Outer(count=3)
    assert format.render(Outer(count=3), Outer).endswith(
        b"<response><count>3</count><name>x</name></response>"
    )
    with pytest.raises(Invalid) as caught:
        format.parse(b"<a><count>x</count></a>", Outer)
    assert set(caught.value.errors) == {"count"}


def body(value: Any, model: Any = None, service: Any = None) -> str:
    raw = XmlFormat(None, service).render(value, model)
    etree.fromstring(raw)
    declaration, _, rest = raw.decode().partition("\n")
    assert declaration == '<?xml version="1.0" encoding="UTF-8"?>'
    return rest


def test_what_is_written() -> None:
    assert body({"rate": "1.22"}) == "<response><rate>1.22</rate></response>"
    assert body([1, {"a": None}]) == (
        "<response><item>1</item><item><a "
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        'xsi:nil="true"/></item></response>'
    )
    assert body(None) == "<response/>"
    assert body("a<b>&\r") == "<response>a&lt;b&gt;&amp;&#13;</response>"
    assert body([Part(sku="1"), Part(sku="2")]) == (
        "<response><item><sku>1</sku><count>1</count></item>"
        "<item><sku>2</sku><count>1</count></item></response>"
    )
    assert "p" not in body(Order(id=1, password=Secret("p"), parts=[]), Order).replace(
        "price", ""
    ).replace("parts", "").replace("paid", "").replace("part_or_name", "").replace("response", "")
    assert body({"x": Secret("p")}) == "<response><x></x></response>"
    assert body(True) == "<response>true</response>"
    assert body(Decimal("1E+3")) == "<response>1000</response>"
    assert (
        body({"a": float("inf"), "b": float("nan")}) == "<response><a>INF</a><b>NaN</b></response>"
    )


def test_roots_and_namespaces() -> None:
    class Named:
        response_elem, namespace = "rates", "urn:a&b"

    class Answer(Model):
        xml_name = "answer"
        xml_namespace = "urn:answer"
        rate: str

    assert body({"a": 1}, service=Named) == '<rates xmlns="urn:a&amp;b"><a>1</a></rates>'
    assert (
        body(Answer(rate="1"), Answer, SimpleNamespace(Output=Answer))
        == '<answer xmlns="urn:answer"><rate>1</rate></answer>'
    )
    for faulty in {"response_elem": "no name"}, {"namespace": "not a uri"}:
        with pytest.raises(Invalid):
            XmlFormat(None, type("Faulty", (Service,), faulty))


def test_elements_go_out_as_they_are() -> None:
    root = etree.fromstring('<r xmlns:x="urn:x"><x:a b="1">é</x:a>tail</r>')
    assert body(root) == '<r xmlns:x="urn:x"><x:a b="1">é</x:a>tail</r>'
    assert body(root[0]) == '<x:a xmlns:x="urn:x" b="1">é</x:a>'
    assert body(Element(root[0])) == '<x:a xmlns:x="urn:x" b="1">é</x:a>'
    assert body(etree.ElementTree(root)) == body(root)
    assert (
        body({"in": root[0]}) == '<response><in><x:a xmlns:x="urn:x" b="1">é</x:a></in></response>'
    )


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"a": {"b": ["x", "\x00"]}}, "a.b[1]"),
        ({"a": "\ud800"}, "a"),
        ({"a": "\ufffe"}, "a"),
        ({"a b": 1}, "a b"),
        ({"": 1}, ""),
        ({"x:y": 1}, "x:y"),
        ({"a": object()}, "a"),
        ({"a": Decimal("NaN")}, "a"),
        ({"a": Decimal("1E+999999")}, "a"),
        (Part(sku="\x01"), "sku"),
        ([{"a": 10**5000}], "[0].a"),
    ],
)
def test_what_xml_cannot_hold_is_refused_by_path(value: Any, path: str) -> None:
    with pytest.raises(Invalid) as caught:
        format.render(value, type(value) if isinstance(value, Model) else None)
    assert set(caught.value.errors) == {path}


def test_what_is_inside_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(Invalid):
        format.render(endless)


def test_errors_are_documents() -> None:
    raw, content_type = format.render_error(Invalid({"a<b": "fault\x00 & \ud800"}), "K1")
    assert content_type == "application/xml"
    root = etree.fromstring(raw)
    assert [child.tag for child in root] == ["status", "title", "detail", "cid", "errors"]
    assert root.findtext("cid") == "K1"
    assert root.findtext("errors/item/key") == "a<b"
    assert root.findtext("errors/item/value") == "fault\ufffd & \ufffd"
    root = etree.fromstring(format.render_error(RuntimeError("internal"), "K2")[0])
    assert root.findtext("status") == "500"
    whole = etree.fromstring(format.render_error(Invalid("expected elements"), "K2")[0])
    assert [child.tag for child in whole] == ["status", "title", "detail", "cid"]
    misused = format.render_error(Misused({"internal": "not given"}), "K2")[0]
    assert b"internal" not in misused and b"errors" not in misused
    assert b"internal" not in format.render_error(RuntimeError("internal"), "K2")[0]
    assert (
        etree.fromstring(format.render_error(Conflict("taken"), "K3")[0]).findtext("detail")
        == "taken"
    )


class Double(Service):
    class Input(Model):
        count: int
        words: list[str] = []

    class Output(Model):
        count: int
        words: list[str]

    def handle(self) -> Any:
        return {"count": self.request.input.count * 2, "words": self.request.input.words}


class Loose(Service):
    def handle(self) -> Any:
        data = self.request.input
        return {
            "name": str(data.person.name),
            "count": len(data.person),
            "all": [str(p.name) for p in data.person],
        }


def route(service: type[Service]) -> Any:
    return compile_route(Binding("test", LocalServer(), XmlFormat(None, service)), service)


def test_through_a_route() -> None:
    response = route(Double)(Request(b"<x><count>4</count><words>a</words></x>"))
    assert response.raw.endswith(
        b"<response><count>8</count><words><item>a</item></words></response>"
    )
    assert response.content_type == "application/xml"
    merged = route(Double)(
        Request(b"<x><words>a</words><words>b</words></x>", params={"count": "5"})
    )
    assert b"<count>10</count><words><item>a</item><item>b</item></words>" in merged.raw
    failed = route(Double)(Request(b"<x><count>many</count></x>"))
    assert (failed.status, failed.outcome) == (400, "reject")
    assert etree.fromstring(failed.raw).findtext("cid") == failed.cid
    faulty = route(Double)(Request(b"<x><count>many</count></x>", params={"words": "a"}))
    assert faulty.status == 400


def test_untyped_through_a_route() -> None:
    response = route(Loose)(
        Request(b"<x><person><name>A</name></person><person><name>B</name></person></x>")
    )
    assert response.raw.endswith(
        b"<response><name>A</name><count>2</count><all><item>A</item><item>B</item></all></response>"
    )


def test_one_reader_is_built_for_each_model() -> None:
    made = XmlFormat()
    for _ in range(3):
        made.parse(b"<a><sku>1</sku></a>", Part)
        made.render(Part(sku="1"), Part)
    assert len(made._documents._readers) == len(made._documents._writers) == 1


tags = st.sampled_from(
    [
        "id",
        "parts",
        "tags",
        "labels",
        "price",
        "paid",
        "ratio",
        "item",
        "key",
        "value",
        "sku",
        "count",
        "note",
        "either",
        "part_or_name",
        "x",
    ]
)
trees = st.recursive(
    st.text("01 -.eINFtrue", max_size=5).map(lambda text: text),
    lambda inner: st.lists(st.tuples(tags, inner), max_size=4).map(
        lambda found: "".join(f"<{tag}>{content}</{tag}>" for tag, content in found)
    ),
    max_leaves=20,
)


@settings(deadline=None, max_examples=200)
@given(trees)
def test_any_document_is_read_or_invalid(content: str) -> None:
    faults: dict[str, str] = {}
    try:
        assert isinstance(read(content), Order)
    except Invalid as invalid:
        faults = invalid.errors
    assert all("Unreadable" not in fault for fault in faults.values())
