"""Settings: everything derived from one declaration agrees with it, for any declaration and any
data.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import itertools
import json
import keyword
import math
import subprocess
import sys
import types as types_
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hansa import (
    Invalid,
    Model,
    Secret,
    dump,
    explain,
    fields,
    learn,
    load,
    resolve,
    schema,
    setting,
)
from hypothesis import given, settings, strategies as st

COUNT = itertools.count()
TEXT = st.text(max_size=8)
KEYS = st.text("abcdefg_", min_size=1, max_size=4).filter(lambda key: not keyword.iskeyword(key))


# -- any declaration -------------------------------------------------------------------------------


LEAVES: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (int, st.integers(-(2**63), 2**64 - 1)),
    (str, TEXT),
    (bool, st.booleans()),
    (float, st.floats(allow_nan=False, allow_infinity=False)),
    (Secret, TEXT.map(lambda text: "hush-" + text)),
    (Annotated[int, setting("A bounded number", ge=0, le=9)], st.integers(0, 9)),
    (Annotated[str, setting("A word", pattern="^[a-z]+$")], st.text("abc", min_size=1, max_size=3)),
    (Literal["a", "b"], st.sampled_from("ab")),
]
WRONG = 1.5j
"""Fits none of these types."""


@st.composite
def models(draw: Any, depth: int = 2) -> tuple[type[Model], st.SearchStrategy[Any]]:
    """A model with settings of any type, and the data that fit it."""
    names = draw(st.lists(KEYS, min_size=1, max_size=4, unique=True))
    hints, good = {}, {}
    for name in names:
        hints[name], good[name] = draw(types(depth))
    model = type(f"Made{next(COUNT)}", (Model,), {"__annotations__": hints, "__module__": __name__})
    return model, st.fixed_dictionaries(good)


@functools.cache
def types(depth: int) -> st.SearchStrategy[tuple[Any, st.SearchStrategy[Any]]]:
    leaf = st.sampled_from(LEAVES)
    if not depth:
        return leaf
    inner = types(depth - 1)
    return st.one_of(
        leaf,
        inner.map(lambda t: (types_.GenericAlias(list, t[0]), st.lists(t[1], max_size=3))),
        inner.map(
            lambda t: (
                types_.GenericAlias(dict, (str, t[0])),
                st.dictionaries(KEYS, t[1], max_size=3),
            )
        ),
        inner.map(lambda t: (t[0] | None, st.none() | t[1])),
        models(depth - 1),
    )


@st.composite
def filled(draw: Any) -> tuple[type[Model], dict[str, Any]]:
    model, good = draw(models())
    return model, draw(good)


def places(data: Any, hint: Any, path: str = "") -> list[tuple[str, Any, Any, Any]]:
    """Every place of the data as (path, container, key, declared type)."""
    hint = (
        next(a for a in hint.__args__ if a is not type(None))
        if isinstance(hint, types_.UnionType)
        else hint
    )
    parts: list[tuple[str, Any, Any]] = []
    if isinstance(data, list):
        parts = [(f"{path}[{index}]", index, hint.__args__[0]) for index in range(len(data))]
    elif isinstance(data, dict):
        inner = (
            {field.name: field.type for field in fields(hint)}
            if is_model(hint)
            else dict.fromkeys(data, hint.__args__[-1])
        )
        parts = [(f"{path}.{key}".lstrip("."), key, inner[key]) for key in data]
    return [
        place
        for here, key, type in parts
        for place in [(here, data, key, type), *places(data[key], type, here)]
    ]


def is_model(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, Model)


@settings(max_examples=60, deadline=None)
@given(filled())
def test_load_and_dump_are_a_round_trip(case: tuple[type[Model], dict[str, Any]]):
    model, data = case
    value = load(model, data)
    shown = dump(value, str)
    assert shown == data
    assert load(model, shown) == value
    json.dumps(shown)
    assert dump(value, lambda secret: {"$encrypted": secret[::-1]}) == hide(value)
    json.dumps(schema(model))


def hide(value: Any) -> Any:
    if isinstance(value, Secret):
        return {"$encrypted": value[::-1]}
    if isinstance(value, Model):
        return {f.name: hide(getattr(value, f.name)) for f in fields(type(value))}
    if isinstance(value, dict):
        return {k: hide(v) for k, v in value.items()}
    return [hide(v) for v in value] if isinstance(value, list) else value


@settings(max_examples=60, deadline=None)
@given(filled())
def test_secrets_are_nowhere_to_be_seen(case: tuple[type[Model], dict[str, Any]]):
    model, data = case
    value = load(model, data)
    for shown in (
        repr(value),
        json.dumps(dump(value)),
        json.dumps(schema(model)),
        str(fields(model)),
    ):
        assert "hush" not in shown
    with pytest.raises(Invalid) as caught:
        load(model, {**data, "Unknown": 1, next(iter(data)): WRONG})
    assert "hush" not in str(caught.value)


@settings(max_examples=60, deadline=None)
@given(filled(), st.data())
def test_all_faults_are_told_at_once_each_at_its_place(
    case: tuple[type[Model], dict[str, Any]], choose: Any
):
    model, data = case
    data = copy.deepcopy(data)
    leaves = [p for p in places(data, model) if not isinstance(p[1][p[2]], dict | list)]
    chosen = (
        choose.draw(st.lists(st.sampled_from(leaves), unique_by=lambda p: p[0], min_size=1))
        if leaves
        else []
    )
    for _, container, key, _ in chosen:
        container[key] = WRONG
    faults = explain(data, model)
    assert set(faults.errors if faults else ()) == {path for path, *_ in chosen}
    if chosen:
        with pytest.raises(Invalid):
            load(model, data)


@settings(max_examples=60, deadline=None)
@given(filled(), st.data())
def test_unknown_keys_are_refused_at_every_depth(
    case: tuple[type[Model], dict[str, Any]], choose: Any
):
    model, data = case
    data = copy.deepcopy(data)
    found = [
        (p, c[k], hint.__args__[0] if "|" in str(hint) else hint)
        for p, c, k, hint in places(data, model)
    ]
    inside = [
        ("", data),
        *(
            (path, value)
            for path, value, hint in found
            if isinstance(value, dict) and is_model(hint)
        ),
    ]
    path, place = choose.draw(st.sampled_from(inside))
    place["Not_there"] = 1
    with pytest.raises(Invalid) as caught:
        load(model, data)
    assert caught.value.errors == {f"{path}.Not_there".lstrip("."): "unknown setting"}
    assert load(model, data, unknown=False)


# -- by hand ---------------------------------------------------------------------------------------


class Address(Model):
    host: Annotated[str, setting("Host name", min_length=1)]
    port: Annotated[int, setting("TCP port", ge=1, le=65535)] = 80


class Broker(Model):
    address: Address
    password: Annotated[Secret | None, setting("Password")] = None
    spares: Annotated[list[Address], setting("More of them", max_length=2)] = []
    named: dict[str, Address] = {}
    one_or_more: Address | list[Address] | None = None

    def check(self) -> None:
        if self.named and not self.spares:
            raise Invalid({"named": "needs spares"})


def faults_of(data: Any, model: Any = Broker, **options: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        load(model, data, **options)
    return caught.value.errors


def test_faults_and_unknown_settings_of_one_answer():
    data = {
        "adress": {},
        "spares": [{"host": "a", "port": 0}, {"host": "", "prt": 1}],
        "named": {"x": {"port": "y"}},
    }
    assert faults_of(data) == {
        "address": "required, and missing",
        "adress": "unknown setting; did you mean address?",
        "spares[0].port": "Expected `int` >= 1",
        "spares[1].host": "Expected `str` of length >= 1",
        "spares[1].prt": "unknown setting; did you mean port?",
        "named.x.host": "required, and missing",
        "named.x.port": "Expected `int`, got `str`",
    }


def test_a_rule_of_a_list_itself_is_told_at_its_setting():
    assert faults_of({"address": {"host": "a"}, "spares": [{"host": "a"}] * 3}) == {
        "spares": "Expected `array` of length <= 2"
    }


def test_unknown_settings_inside_a_union():
    one = {"address": {"host": "a"}, "one_or_more": {"host": "a", "x": 1}}
    assert faults_of(one) == {"one_or_more.x": "unknown setting"}
    assert faults_of({**one, "one_or_more": [{"host": "a", "x": 1}]}) == {
        "one_or_more[0].x": "unknown setting"
    }


def test_rules_across_settings_are_told_by_path():
    class Outer(Model):
        brokers: list[Broker]

    broker = {"address": {"host": "a"}, "named": {"n": {"host": "b"}}}
    assert faults_of({"brokers": [broker]}, Outer) == {"brokers[0].named": "needs spares"}


@pytest.mark.parametrize("data", [None, 5, [], "x", [["host", "a"]]])
def test_what_is_no_object_is_refused(data: Any):
    assert set(faults_of(data)) == {""}


def test_text_becomes_numbers_only_where_asked():
    assert load(Address, {"host": "a", "port": "8"}, strict=False).port == 8
    assert faults_of({"host": "a", "port": "8"}, Address) == {"port": "Expected `int`, got `str`"}


def test_numbers_stay_exact():
    class Exact(Model):
        number: Any

    assert load(Exact, {"number": 10**30}).number == 10**30
    assert math.isinf(load(Exact, {"number": math.inf}).number)


def test_deep_nesting_is_a_fault_and_no_crash():
    class Anything(Model):
        data: Any = None

    for depth in (100_000, *range(900, 1010, 10)):
        data: Any = []
        for _ in range(depth):
            data = [data]
        for read in (
            lambda data=data: load(Anything, {"data": data}),
            lambda data=data: resolve({"data": data}),
        ):
            try:
                read()
            except Invalid as invalid:
                assert "deep" in str(invalid) or "recursion" in str(invalid)


def test_a_model_is_frozen_and_lists_are_not_shared():
    first, second = Broker(address=Address(host="a")), Broker(address=Address(host="a"))
    assert first.spares is not second.spares
    with pytest.raises(AttributeError):
        first.password = Secret("x")


def test_models_compare_hash_and_show_themselves_as_dataclasses_do():
    class Key(Model):
        id: int
        token: Secret = Secret("")

    class Other(Key):
        pass

    key = Key(id=1, token=Secret("s3cret"))
    assert key == Key(id=1, token=Secret("s3cret"))
    assert key != Key(id=2)
    assert key != Other(id=1, token=Secret("s3cret"))
    assert {key: "found"}[Key(id=1, token=Secret("s3cret"))] == "found"
    assert repr(key).endswith("Key(id=1, token='********')")


def test_two_bases_with_fields():
    class Topic(Model):
        topic: str
        retain: bool = False

    class Subscription(Broker, Topic):
        quality: int = 0

    assert [f.name for f in fields(Subscription)][:2] == ["topic", "retain"]
    value = load(Subscription, {"topic": "t", "address": {"host": "h"}, "quality": 1})
    assert (value.topic, value.address.port, value.quality) == ("t", 80, 1)


def test_a_setting_that_is_declared_again_without_a_default_is_required():
    class Anywhere(Model):
        folder: str = ""
        other: str = ""

    class Somewhere(Anywhere):
        folder: Annotated[str, setting("A folder", min_length=1)]

    assert Anywhere().folder == ""
    assert Somewhere(folder="/in").other == ""
    assert schema(Somewhere)["$defs"]["Somewhere"]["required"] == ["folder"]
    with pytest.raises(TypeError, match="folder"):
        Somewhere()  # type: ignore[call-arg]  # that it is required, is tried
    with pytest.raises(Invalid) as caught:
        load(Somewhere, {})
    assert set(caught.value.errors) == {"folder"}


def test_what_is_known_of_a_setting():
    class Known(Model):
        user: Annotated[
            str, setting("Who", refers="security", example="me", advanced=True, multiline=True)
        ]
        secrets: dict[str, Secret] = {}
        password: Annotated[Secret, setting("Word")] = Secret("hush")

    user, secrets, password = fields(Known)
    assert (user.required, user.help, user.refers, user.secret) == (True, "Who", "security", False)
    assert (secrets.required, secrets.default, secrets.secret, password.secret) == (
        False,
        {},
        True,
        True,
    )
    found = schema(Known)["$defs"]["Known"]
    assert found["required"] == ["user"]
    described = found["properties"]["user"]
    assert described == {
        "type": "string",
        "description": "Who",
        "examples": ["me"],
        "x-refers": "security",
        "x-advanced": True,
        "x-multiline": True,
    }
    assert found["properties"]["password"]["writeOnly"] is True
    assert "hush" not in json.dumps(found) + repr(load(Known, {"user": "a"}))


def test_a_secret_is_made_of_text_only():
    assert type(load(Broker, {"address": {"host": "a"}, "password": "p"}).password) is Secret
    assert faults_of({"address": {"host": "a"}, "password": 5})["password"].startswith(
        "Expected `str"
    )
    assert repr(Secret("p")) == "'********'"
    assert Secret("p") == "p"


def test_dump_leaves_secrets_out():
    broker = load(Broker, {"address": {"host": "a"}, "password": "hush"})
    assert "password" not in dump(broker)
    assert dump(broker, str)["password"] == "hush"


class TestReferences:
    def test_environment_and_files(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Any):
        monkeypatch.setenv("A_PASSWORD", "p")
        (tmp_path / "secret").write_text("from file\n\n")
        data = {
            "a": {"$env": "A_PASSWORD"},
            "b": [{"$file": str(tmp_path / "secret")}],
            "c": {"$env": "X", "d": 1},
        }
        assert resolve(data) == {"a": "p", "b": ["from file\n"], "c": {"$env": "X", "d": 1}}
        assert resolve({"$vault": "x"}) == {"$vault": "x"}
        assert resolve({"a": {"$vault": "x"}}, lambda key, value: (key, value)) == {
            "a": ("$vault", "x")
        }

    def test_all_that_is_missing_is_told_by_its_path(self, tmp_path: Any):
        data = {
            "a": {"$env": "NOT_SET_ANYWHERE"},
            "b": {"c": [1, {"$file": str(tmp_path / "none")}]},
            "d": 1,
        }
        with pytest.raises(Invalid) as caught:
            resolve(data)
        assert caught.value.errors == {
            "a": "the environment variable NOT_SET_ANYWHERE is not set",
            "b.c[1]": f"cannot read {tmp_path / 'none'}: No such file or directory",
        }

    @pytest.mark.parametrize("value", [5, None, [], {}, "\0", "/", "\ud800", "x" * 5000])
    @pytest.mark.parametrize("key", ["$env", "$file"])
    def test_odd_references_are_faults(self, key: str, value: Any):
        with pytest.raises(Invalid) as caught:
            resolve({"setting": {key: value}})
        assert list(caught.value.errors) == ["setting"]


def test_schemas_agree_with_loading():
    definition = schema(Address)["$defs"]["Address"]
    assert definition["properties"]["port"] == {
        "type": "integer",
        "description": "TCP port",
        "minimum": 1,
        "maximum": 65535,
        "default": 80,
    }
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"host": "a", "port": 65536}, Address)


# -- many threads ----------------------------------------------------------------------------------


FIRST_USE = """
import sys, threading
from typing import Annotated
from hansa import Model, load, setting

sys.setswitchinterval(1e-6)
for number in range(150):
    class Part(Model):
        x: Annotated[int, setting("A number", ge=0)] = 1
        y: str | None = None

    class Whole(Model):
        a: Annotated[int, setting("A number", ge=0)]
        parts: list[Part] = []
        named: dict[str, Part] = {}
        one: Part | None = None

    gate = threading.Barrier(8)

    def first(model=Whole):
        gate.wait()
        load(model, {"a": 1, "parts": [{"x": 3}], "one": {"x": 1}})

    threads = [threading.Thread(target=first) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""


def test_threads_that_load_a_model_for_the_first_time_at_once(tmp_path):
    """msgspec 0.22 crashes the process when threads build what it knows of a type at once."""
    file = tmp_path / "first_use.py"
    file.write_text(FIRST_USE)
    done = subprocess.run(
        [sys.executable, file], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_whatever_msgspec_takes_can_be_learnt():
    for hint in (
        int,
        list[int],
        int | None,
        None,
        Any,
        Annotated[int, setting("x", refers="y")],
        dict[str, Any],
    ):
        assert learn(hint) is hint
        assert learn(hint) is hint


# -- constructor calls -----------------------------------------------------------------------------


class Base(Model):
    first: int
    words: list[str] = []
    last: str = "z"


class Derived(Base):
    last: str = "y"
    more: int


class Finished(Model):
    seen: list[int] = []

    def __post_init__(self) -> None:
        self.seen.append(1)


def test_a_constructor_call_fills_in_defaults_in_the_order_of_the_fields():
    made = Derived(more=2, first=1)
    assert list(vars(made).items()) == [("first", 1), ("words", []), ("last", "y"), ("more", 2)]
    assert made == load(Derived, {"first": 1, "more": 2})
    assert msgspec.json.encode(made) == b'{"first":1,"words":[],"last":"y","more":2}'
    assert made.words is not Derived(more=2, first=1).words
    assert Base(first=1, last="x") == copy.deepcopy(Base(first=1, last="x")) != Base(first=1)
    assert Finished().seen == load(Finished, {}).seen == [1]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, "missing a required keyword-only argument: 'first', missing .*: 'more'"),
        ({"first": 1, "more": 2, "mode": 3}, "got an unexpected keyword argument 'mode'"),
        ({"first": 1, "mode": 3}, "missing .*: 'more', got an unexpected .* 'mode'"),
    ],
)
def test_a_constructor_call_with_other_names_is_refused(values: dict[str, Any], told: str):
    with pytest.raises(TypeError, match=rf"Derived\(\) {told}"):
        Derived(**values)


@pytest.mark.parametrize("made", [Base(first=1), load(Base, {"first": 1})])
def test_a_model_cannot_be_changed(made: Any):
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'first'"):
        made.first = 2
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'other'"):
        made.other = 2
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'first'"):
        del made.first
    assert made == Base(first=1)
