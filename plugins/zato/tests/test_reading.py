"""Looking up and converting the declared input, from JSON, XML and parameters alike."""

from __future__ import annotations

from typing import Any

import pytest
from hansa_zato.dialect.exceptions import (
    BadRequest,
    InvalidInput,
    ParsingException,
    ValidationException,
)
from hansa_zato.sio.declaration import declaration
from hansa_zato.sio.reading import Input, reader
from hypothesis import given, strategies as st
from lxml import etree
from zato.server.service import (
    CSV,
    UTC,
    AsIs,
    Boolean,
    Dict,
    Int,
    Integer,
    List,
    ListOfDicts,
    Opaque,
    Service,
    Unicode,
)

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"))
NAMES = ("a", "b", "c")
VALUES = st.dictionaries(st.sampled_from(NAMES), TEXT)


def read(
    body: Any = None,
    params: Any = None,
    params_first: bool = True,
    profile: str = "auto",
    **attributes: Any,
) -> Any:
    found = declaration(
        type(
            "Some",
            (Service,),
            {"SimpleIO": type("SimpleIO", (), attributes), "handle": lambda self: None},
        ),
        profile,
    )
    assert found is not None
    return reader(found, params_first)("K1", body, params or {})


def document(values: dict[str, str], root: str = "request") -> Any:
    made = etree.Element(root)
    for name, value in values.items():
        etree.SubElement(made, name).text = value
    return made


def faults(*args: Any, **kwargs: Any) -> dict[str, str]:
    with pytest.raises(InvalidInput) as caught:
        read(*args, **kwargs)
    return caught.value.errors


@given(body=VALUES, params=VALUES, params_first=st.booleans())
def test_lookup_order(body: dict[str, str], params: dict[str, str], params_first: bool) -> None:
    expected = dict.fromkeys(NAMES, "")
    expected.update({**body, **params} if params_first else {**params, **body})
    assert read(body, params, params_first, input_optional=NAMES) == expected


@given(body=VALUES)
def test_json_and_xml_give_the_same_input(body: dict[str, str]) -> None:
    assert read(document(body), input_optional=NAMES) == read(body, input_optional=NAMES)


@given(body=VALUES)
def test_required_ones_that_are_missing_are_all_told(body: dict[str, str]) -> None:
    missing = set(NAMES) - set(body)
    if missing:
        assert faults(body, input_required=NAMES) == dict.fromkeys(missing, "required, and missing")
    else:
        assert read(body, input_required=NAMES) == body


def test_an_error_of_input_is_a_400_whatever_one_catches() -> None:
    for caught in (ParsingException, ValidationException):
        with pytest.raises(caught) as found:
            read({}, input_required="a")
        error: Any = found.value
        assert error.status == 400
    assert BadRequest("K1", "x").status == 400


def test_all_faults_at_once() -> None:
    body = {"user_id": "x", "is_active": "perhaps", "total": "1.5"}
    assert set(faults(body, input_required=("user_id", "is_active", Integer("total"), "gone"))) == {
        *body,
        "gone",
    }


def test_defaults() -> None:
    assert read({}, input_optional=("a", Int("b", default=7)), default_value="-") == {
        "a": "-",
        "b": 7,
    }
    assert read({}, input_optional=("a", "is_it", "user_id")) == {
        "a": "",
        "is_it": False,
        "user_id": "",
    }
    assert read({}, input_optional=("a",), default_value=None) == {"a": None}
    assert read({}, input_required=(Int("a", default=3),)) == {"a": 3}
    assert read({}, profile="3.x", input_optional=(Boolean("a"), Int("b"))) == {"a": False, "b": ""}
    assert read({}, profile="2.0", input_optional=(Boolean("a"),)) == {"a": ""}


def test_the_shape_of_a_parameter_is_that_of_its_type() -> None:
    declared = (List("tags"), Unicode("name"), AsIs("any"), "plain", CSV("codes"))
    one = {"tags": "a", "name": "b", "any": "c", "plain": "d", "codes": "e"}
    assert read({}, one, input_required=declared) == one | {"tags": ["a"], "codes": ["e"]}
    two = {"tags": ["a", "b"], "name": "b", "any": ["c", "d"], "plain": ["d", "e"], "codes": "e,f"}
    assert read({}, two, input_required=declared) == two | {"codes": ["e", "f"]}
    twice = {"name": ["b", "c"], "when": ["2026-01-01", "2026-01-02"]}
    assert faults({}, twice, input_required=(Unicode("name"), UTC("when"))) == dict.fromkeys(
        twice, "given 2 times, and takes one value"
    )


def test_a_default_is_not_shared_between_requests() -> None:
    found = declaration(
        type(
            "Some",
            (Service,),
            {"SimpleIO": type("S", (), {"input_optional": List("a", default=[])}), "handle": 1},
        )
    )
    assert found is not None
    made = reader(found)
    made("K1", {}, {}).a.append(1)
    assert made("K1", {}, {}).a == []


def test_empty_values_are_left_alone() -> None:
    body = {"user_id": "", "is_active": "", "total": "", "other": None, "count": None}
    found = read(
        body,
        input_required=(
            "user_id",
            "is_active",
            Integer("total"),
            Unicode("other"),
            Integer("count"),
        ),
    )
    assert found == {"user_id": "", "is_active": False, "total": "", "other": None, "count": None}


def test_natural_types_stay_in_2_0_and_become_text_in_3_x() -> None:
    body = {"a": 1.5, "b": True, "c": [1]}
    assert read(body, input_required=NAMES) == body
    assert read(body, profile="3.x", input_required=NAMES) == {"a": "1.5", "b": "True", "c": [1]}
    assert read({"a": 1}, input_required=(AsIs("a"),)) == {"a": 1}


def test_undeclared_parameters_are_there_and_undeclared_parts_of_the_body_are_not() -> None:
    assert read({"a": "1", "x": "2"}, {"y": "3"}, input_required="a") == {"a": "1", "y": "3"}


def test_parameters_only() -> None:
    options: dict[str, Any] = {"input_required": "a", "use_channel_params_only": True}
    assert faults({"a": "1"}, **options) == {"a": "required, and missing"}
    assert read({"a": "1"}, {"a": "2"}, **options) == {"a": "2"}
    assert read(["not an object"], {"a": "2"}, **options) == {"a": "2"}


@pytest.mark.parametrize("body", [[1], "text", 5, True])
def test_a_body_that_is_no_object(body: Any) -> None:
    assert "expected an object" in faults(body, input_optional="a")[""]


def test_skip_empty_keys() -> None:
    options: dict[str, Any] = {"input_optional": NAMES, "skip_empty_keys": True}
    assert read({"a": "1"}, **options) == {"a": "1"}
    assert read({"a": "1"}, force_empty_keys="b", **options) == {"a": "1", "b": ""}


# -- XML -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "<request><a>1</a></request>",
        "<x><request><a>1</a></request></x>",
        '<request xmlns="urn:x"><a>1</a></request>',
        '<z:request xmlns:z="urn:x"><z:a>1</z:a></z:request>',
        '<z:request xmlns:z="urn:x"><a>2</a><z:a>1</z:a></z:request>',
        "<anything><!-- a comment --><a>1</a></anything>",
        "<request><a>1</a><a>2</a></request>",
    ],
)
def test_where_xml_has_its_values(text: str) -> None:
    assert read(etree.fromstring(text), input_required="a") == {"a": "1"}


def test_another_request_element() -> None:
    assert read(
        etree.fromstring("<x><ask><a>1</a></ask></x>"), input_required="a", request_elem="ask"
    ) == {"a": "1"}


def test_types_in_xml() -> None:
    body = etree.fromstring(
        """<request>
          <tags><item>x</item><item>y</item></tags><more>p</more><more>q</more>
          <pairs><item><key>k</key><value>v</value></item><item><key>e</key></item></pairs>
          <rows><item_dict><item><key>k</key><value>1</value></item></item_dict><dict><k>2</k></dict></rows>
          <deep><x>1</x><x>2</x><y><z>3</z></y></deep><user_id>5</user_id><is_it>true</is_it><empty/>
        </request>"""
    )
    inputs = (
        List("tags"),
        List("more"),
        Dict("pairs"),
        ListOfDicts("rows"),
        Opaque("deep"),
        "user_id",
        "is_it",
        "empty",
    )
    assert read(body, input_required=inputs) == {
        "tags": ["x", "y"],
        "more": ["p", "q"],
        "pairs": {"k": "v", "e": ""},
        "rows": [{"k": "1"}, {"k": "2"}],
        "deep": {"x": ["1", "2"], "y": {"z": "3"}},
        "user_id": 5,
        "is_it": True,
        "empty": "",
    }


def test_elements_in_place_of_text() -> None:
    found = read(
        etree.fromstring("<request><a>1</a></request>"), input_required=(AsIs("a"),), use_text=False
    )
    assert (found.a.tag, found.a.text) == ("a", "1")


# -- the input itself ------------------------------------------------------------------------------


def test_input_is_items_and_attributes() -> None:
    made = Input(a="1", b="")
    assert (made.a, made["b"], made.get("c", 5)) == ("1", "", 5)
    with pytest.raises(AttributeError, match=r"'c'.*'a', 'b'"):
        _ = made.c
    with pytest.raises(KeyError):
        made["c"]
    made.c = 3
    assert made["c"] == 3


def test_require_any() -> None:
    made = Input(a="1", b="")
    made.require_any("b", "a")
    with pytest.raises(ValueError, match="'b', 'c'"):
        made.require_any("b", "c")


def test_deepcopy() -> None:
    made = Input(a=["x"])
    made.deepcopy().a.append("y")
    assert made.a == ["x"]
