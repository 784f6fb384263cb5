"""Messages from plain data and back, derived messages and their numbers."""

from __future__ import annotations

import dataclasses
import gc
import weakref
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import pytest
from hansa import Invalid, Model, Secret, Service, load, setting
from hansa_devkit import LocalServer
from hansa_grpc import number
from hansa_grpc.interface import interface_of
from hansa_grpc.members import members_of
from hansa_grpc.numbers import number_of
from hansa_grpc.outgoing import GrpcOutgoing
from hansa_grpc.settings import ListeningSettings

from plugins.grpc.tests.support import PROTO, made


class Kind(Enum):
    SPOT = "spot"


class Part(Model):
    """A part."""

    n: Annotated[int, setting("Its number", ge=1), number(5)]
    again: Part | None = None


class Whole(Model):
    text: str
    at: datetime
    span: timedelta
    amount: Decimal
    day: date
    id: UUID
    kind: Kind
    choice: Literal["a", "b"]
    parts: list[Part]
    by_name: dict[str, Part]
    counts: dict[str, int]
    whatever: Any
    either: int | str
    raw: bytes
    lists: list[list[int]]
    maybe: float | None = None
    secret: Secret | None = None


def interface(input: Any = None, output: Any = None, **settings: Any):
    cls = type("Do", (Service,), {"name": "do", "Input": input, "Output": output})
    given = {"port": 1, "methods": [{"method": "p.v1.S/Do", "service": "do"}], **settings}
    server = LocalServer(services={"do": cls})
    return interface_of(load(ListeningSettings, given), server.registry)


def method(input: Any = None, output: Any = None):
    return interface(input, output).methods["/p.v1.S/Do"]


def declared(name: str):
    methods = [{"method": f"rates.v1.Rates/{name}", "service": "do"}]
    return interface(proto=PROTO, methods=methods).methods[f"/rates.v1.Rates/{name}"]


def test_what_a_declaration_can_say_comes_back_as_it_was():
    whole = Whole(
        text="Grüße, мир",
        at=datetime(1969, 12, 31, 23, 59, 59, 250_000, tzinfo=UTC),
        span=timedelta(seconds=-1.5),
        amount=Decimal("1.10"),
        day=date(2026, 11, 30),
        id=UUID(int=7),
        kind=Kind.SPOT,
        choice="b",
        parts=[Part(n=1, again=Part(n=2))],
        by_name={"ä": Part(n=3)},
        counts={"x": -(1 << 62)},
        whatever=[1, {"a": 2.5, "b": None}, True],
        either="text",
        raw=b"\x00\xff",
        lists=[[1], []],
        secret=Secret("hidden"),
    )
    one = method(Whole)
    raw = one.write(whole, one.request)
    assert b"hidden" not in raw
    found = load(Whole, one.read(raw, one.request))
    assert found == Whole(**{**vars(whole), "secret": None})


def test_what_is_left_out_is_missing_and_not_zero():
    one = method(Part)
    assert one.read(b"", one.request) == {}
    with pytest.raises(Invalid, match="required"):
        load(Part, one.read(b"", one.request))


def test_all_faults_of_a_message_are_told():
    one = declared("Get")
    wrong = {
        "currency": 1,
        "kind": "FUTURE",
        "tags": ["a", 2],
        "limits": {"x": "many"},
        "raw": "text",
        "count": 1 << 40,
        "wait": "soon",
        "other": 1,
    }
    with pytest.raises(Invalid) as caught:
        one.write(wrong, one.request)
    assert set(caught.value.errors) == set(wrong)


def test_a_declared_message():
    one = declared("Get")
    given = {
        "currency": "EUR",
        "kind": "FORWARD",
        "tags": ["a"],
        "limits": {"x": 1},
        "raw": b"\xff",
        "wait": timedelta(seconds=2),
        "count": 3,
    }
    assert one.read(one.write(given, one.request), one.request) == given
    answer = {"at": datetime(2026, 1, 1), "number": 1}
    with pytest.raises(Invalid, match="time zone"):
        one.write(answer, one.response)
    found = one.read(one.write({"number": 0}, one.response), one.response)
    assert found["number"] == 0 and "text" not in found and "at" not in found


def test_bytes_that_are_no_message():
    one = declared("Get")
    with pytest.raises(Invalid, match=r"cannot be read as rates\.v1\.Wanted"):
        one.read(b"\xff\xff", one.request)
    # nested more deeply than protobuf reads
    deep = b""
    for _ in range(200):
        head = method(Part).request.DESCRIPTOR.fields_by_name["again"].number << 3 | 2
        deep = _varint(head) + _varint(len(deep)) + deep
    with pytest.raises(Invalid, match="cannot be read"):
        method(Part).read(deep, method(Part).request)


def _varint(value: int) -> bytes:
    found = b""
    while value > 127:
        found += bytes([value & 127 | 128])
        value >>= 7
    return found + bytes([value])


def test_numbers_are_those_of_names():
    assert number_of("currency", {}) == number_of("currency", {"other": 1}) == 20_000 + 111_743
    fields = method(Whole).request.DESCRIPTOR.fields_by_name
    others = type("Others", (Model,), {"__annotations__": {"more": int, "text": str, "day": date}})
    again = method(others).request.DESCRIPTOR.fields_by_name
    assert again["text"].number == fields["text"].number
    assert method(Part).request.DESCRIPTOR.fields_by_name["n"].number == 5
    for wrong in (0, 2048):
        with pytest.raises(ValueError, match="between 1 and 2047"):
            number(wrong)
    twice = {"a": Annotated[int, number(1)], "b": Annotated[int, number(1)]}
    with pytest.raises(Invalid, match="a and b have the same number, 1"):
        method(type("Twice", (Model,), {"__annotations__": twice}))


def test_what_no_message_can_be_derived_from():
    odd = type("Odd", (Model,), {"__annotations__": {"z": complex}})
    for input, fault in ((int, "its Input is not an object"), (odd, "complex")):
        with pytest.raises(Invalid, match=fault) as caught:
            method(input)
        assert list(caught.value.errors) == ["methods[0].service"]
    with pytest.raises(Invalid, match="an object, or a list of objects"):
        method(None, list[int])
    assert method(None, list[Part]).streams
    assert method().read(method().write({"a": [1]}, method().request), method().request) == {
        "a": [1]
    }


def test_faults_of_a_proto_are_told_by_line():
    with pytest.raises(Invalid) as caught:
        interface(proto='syntax = "proto3";\nmessage A { strin a = 1; int32 b = 1; }')
    assert "channel.proto:2:" in caught.value.errors["proto"]
    assert "strin" in caught.value.errors["proto"]
    with pytest.raises(Invalid) as caught:
        interface(proto_file="/nowhere/x.proto")
    assert caught.value.errors == {"proto_file": "there is no file /nowhere/x.proto"}
    names = ("rates.v1.Rates/Gte", "rates.v1.Other/Get", "rates.v1.Rates/Send")
    with pytest.raises(Invalid) as caught:
        interface(proto=PROTO, methods=[{"method": name, "service": "do"} for name in names])
    faults = caught.value.errors
    assert faults["methods[0].method"].endswith("has no method Gte; it has Get, Read, List, Send")
    assert "declares no service rates.v1.Other" in faults["methods[1].method"]
    assert "takes a stream" in faults["methods[2].method"]


def test_a_proto_that_cannot_be_used_is_told_by_its_setting(tmp_path):
    fields = "".join(f"int32 f{number} = {number + 1};" for number in range(18_000))
    text = f'syntax = "proto3"; package p; message M {{ {fields} }}'
    file = tmp_path / "large.proto"
    file.write_text(text)
    for given in ({"proto": text}, {"proto_file": str(file)}):
        with pytest.raises(Invalid) as caught:
            made(GrpcOutgoing, LocalServer(), port=1, **given)
        assert list(caught.value.errors) == list(given)
    with pytest.raises(Invalid) as caught:
        made(GrpcOutgoing, LocalServer(), port=1, proto="nothing")
    # where it was compiled is nothing to whoever wrote it
    assert caught.value.errors["proto"].startswith("channel.proto:1")


def test_the_types_of_a_service_that_was_replaced_are_not_kept():
    @dataclasses.dataclass
    class Answer:
        currency: str = "EUR"

    class Sent(msgspec.Struct):
        currency: str = "EUR"

    assert members_of(Answer()) == members_of(Sent()) == {"currency": "EUR"}
    kept: list[weakref.ref[type]] = [weakref.ref(Answer), weakref.ref(Sent)]
    del Answer, Sent
    gc.collect()
    assert [one() for one in kept] == [None, None]


def test_lists_and_maps_are_told_from_single_values():
    get = declared("Get")
    read = get.read(
        get.write({"tags": iter(["a", "b"]), "limits": {"c": 5}}, get.request), get.request
    )
    assert read["tags"] == ["a", "b"]
    assert read["limits"] == {"c": 5}
    with pytest.raises(Invalid) as caught:
        get.write({"tags": ["a", 7], "limits": 5, "count": True, "currency": ["a"]}, get.request)
    assert caught.value.errors == {
        "tags": "expected str, got int",
        "limits": "expected an object, got int",
        "count": "expected int, got bool",
        "currency": "expected str, got list",
    }
