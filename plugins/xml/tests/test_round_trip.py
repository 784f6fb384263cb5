"""What is written is valid by its schema and read back unchanged, for models of every shape and any
content.
"""

from __future__ import annotations

import dataclasses
import datetime
import enum
import string
import uuid
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hansa import Invalid, Model, Service, setting
from hansa_xml.element import Element
from hansa_xml.format import XmlFormat
from hansa_xml.schema import xsd_types
from hypothesis import given, settings, strategies as st
from lxml import etree


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue & white"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Leaf(Model):
    """The end of a branch."""

    text: str
    number: int | None = None
    attribute: bool = False


class Node(Model):
    name: Annotated[str, setting("What it is called", max_length=10)]
    inside: list[Node]
    leaf: Leaf | None
    beside: Node | None = None


@dataclasses.dataclass
class Plain:
    b: int
    a: str = ""


class Packed(msgspec.Struct, rename="camel"):
    first_name: str
    last_names: list[str]


class Everything(Model):
    text: str
    maybe: str | None
    maybe_five: int | None = 5
    whole: Annotated[int, setting("Any number of them", ge=-(10**15), le=10**15)]
    real: float
    exact: Decimal
    flag: bool
    day: datetime.date
    moment: datetime.datetime
    clock: datetime.time
    lasting: datetime.timedelta
    id: uuid.UUID
    blob: bytes
    colour: Colour
    level: Level
    one_of: Literal["a", "b"]
    number_of: Literal[1, 2]
    either: int | str
    texts: Annotated[list[str], setting("Some texts", max_length=5)]
    maybe_numbers: list[int | None] | None
    sets: frozenset[int]
    matrix: list[list[float]]
    pair: tuple[int, bool]
    leaves: list[Leaf]
    item: list[int]
    counts: dict[str, int]
    by_number: dict[int, Leaf | None]
    by_day: dict[datetime.date, list[str]] = dataclasses.field(default_factory=dict)
    plain: Plain
    packed: Packed
    default: Annotated[str, setting("Something", pattern="^[a-z ]*$")] = "here"


characters = st.characters(
    codec="utf-8",
    exclude_categories=["Cs"],
    exclude_characters="".join(map(chr, [*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF])),
)
texts = st.text(characters, max_size=20)
dates = st.dates()
# xs:dateTime has no offsets with seconds, and a leap into the year 10000 or 0 is out of its reach
zones: st.SearchStrategy[datetime.timezone | None] = (
    st.none()
    | st.just(datetime.UTC)
    | st.integers(-840, 840).map(lambda m: datetime.timezone(datetime.timedelta(minutes=m)))
)
moments = st.datetimes(
    min_value=datetime.datetime(2, 1, 1),
    max_value=datetime.datetime(9998, 12, 31),
    timezones=zones,  # type: ignore[arg-type] # its annotation knows only one kind of zone
)
leaves = st.builds(Leaf, text=texts, number=st.none() | st.integers(), attribute=st.booleans())
node_names = texts.map(lambda t: t[:10])
ends = st.builds(Node, name=node_names, inside=st.just([]), leaf=st.none() | leaves)
nodes = st.recursive(
    ends,
    lambda inner: st.builds(
        Node,
        name=node_names,
        inside=st.lists(inner, max_size=2),
        leaf=st.none() | leaves,
        beside=st.none() | inner,
    ),
    max_leaves=8,
)
finite = st.floats(allow_nan=False, allow_infinity=False)
everything = st.builds(
    Everything,
    text=texts,
    maybe=st.none() | texts,
    maybe_five=st.none() | st.integers(),
    whole=st.integers(-(10**15), 10**15),
    real=finite,
    exact=st.decimals(allow_nan=False, allow_infinity=False),
    flag=st.booleans(),
    day=dates,
    moment=moments,
    clock=st.times(),
    lasting=st.timedeltas(
        min_value=datetime.timedelta(days=-1000), max_value=datetime.timedelta(days=1000)
    ),
    id=st.uuids(),
    blob=st.binary(max_size=50),
    colour=st.sampled_from(Colour),
    level=st.sampled_from(Level),
    one_of=st.sampled_from(["a", "b"]),
    number_of=st.sampled_from([1, 2]),
    either=texts,
    texts=st.lists(texts, max_size=5),
    maybe_numbers=st.none() | st.lists(st.none() | st.integers(), max_size=3),
    sets=st.frozensets(st.integers(), max_size=3),
    matrix=st.lists(st.lists(finite, max_size=2), max_size=2),
    pair=st.tuples(st.integers(), st.booleans()),
    leaves=st.lists(leaves, max_size=3),
    item=st.lists(st.integers(), max_size=3),
    counts=st.dictionaries(texts, st.integers(), max_size=3),
    by_number=st.dictionaries(st.integers(), st.none() | leaves, max_size=3),
    by_day=st.dictionaries(dates, st.lists(texts, max_size=2), max_size=2),
    plain=st.builds(Plain, b=st.integers(), a=texts),
    packed=st.builds(Packed, first_name=texts, last_names=st.lists(texts, max_size=2)),
    default=st.text(string.ascii_lowercase + " ", max_size=5),
)


class Typed(Service):
    namespace = "urn:test:trees&more"


format = XmlFormat(None, Typed)
schemas = {
    model: etree.XMLSchema(etree.fromstring(xsd_types(model, "response", Typed.namespace)))
    for model in (Everything, Node)
}


def check(value: Any) -> None:
    model = type(value)
    raw = format.render(value, model)
    schemas[model].assertValid(etree.fromstring(raw))
    assert format.parse(raw, model) == value


@settings(deadline=None, max_examples=100)
@given(everything)
def test_everything(value: Everything) -> None:
    check(value)


@settings(deadline=None)
@given(nodes)
def test_recursive_models(value: Node) -> None:
    check(value)


roots: dict[Any, Any] = {
    list[Leaf]: st.lists(leaves, max_size=3),
    dict[str, Decimal]: st.dictionaries(
        texts, st.decimals(allow_nan=False, allow_infinity=False), max_size=3
    ),
    list[int]: st.lists(st.integers(), max_size=3),
    str: texts,
    float: finite,
    bool: st.booleans(),
}


@pytest.mark.parametrize("model", roots, ids=str)
def test_roots_that_are_no_model(model: Any) -> None:
    schema = etree.XMLSchema(etree.fromstring(xsd_types(model)))
    plain = XmlFormat()

    @settings(deadline=None, max_examples=50)
    @given(roots[model])
    def holds(value: Any) -> None:
        raw = plain.render(value, model)
        schema.assertValid(etree.fromstring(raw))
        assert plain.parse(raw, model) == value

    holds()


names = st.text(string.ascii_letters + "_", min_size=1, max_size=6)
untyped = st.recursive(
    texts | st.none(),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3)
        | st.dictionaries(names, inner, min_size=1, max_size=3).filter(lambda d: set(d) != {"item"})
    ),
    max_leaves=10,
)


@settings(deadline=None)
@given(st.dictionaries(names, untyped, min_size=1, max_size=3).filter(lambda d: set(d) != {"item"}))
def test_plain_data_is_read_back_as_it_was(value: dict[str, Any]) -> None:
    element = format.parse(format.render(value))
    assert isinstance(element, Element)
    assert element.to_data() == value


@settings(deadline=None, max_examples=150)
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.decimals()
        | st.text()
        | st.binary(),
        lambda i: st.lists(i, max_size=5) | st.dictionaries(st.text(), i, max_size=5),
        max_leaves=8,
    )
)
def test_any_data_becomes_a_document_or_is_refused(value: Any) -> None:
    try:
        raw = format.render(value)
    except Invalid as refused:
        assert str(refused)
        return
    assert etree.fromstring(raw).tag
