"""Objects that a channel passes to a service as they are."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from hansa import Invalid, Model, PassedObject, load, schema
from hansa.contract.parameters import parameter_reader
from pydantic import BaseModel, ConfigDict


class Handle(PassedObject):
    json_schema: ClassVar[dict[str, Any]] = {"type": "string", "format": "binary"}
    expected: ClassVar[str] = "a handle"


class Input(Model):
    number: int
    one: Handle | None = None
    many: list[Handle] = []


class PydanticInput(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)

    number: int
    one: Handle


def test_objects_are_taken_as_they_are() -> None:
    handle = Handle()
    found = load(Input, {"number": 1, "one": handle, "many": [handle]})
    assert (found.one, found.many) == (handle, [handle])
    merged: Any = parameter_reader(Input)({"number": "1", "one": handle, "many": handle}, None)
    assert (merged.number, merged.one, merged.many) == (1, handle, [handle])
    pydantic: Any = parameter_reader(PydanticInput)({"number": "1", "one": handle}, None)
    assert (pydantic.number, pydantic.one) == (1, handle)


@pytest.mark.parametrize("given", ["text", b"bytes", 1, {}, [], object()])
def test_anything_else_is_refused_by_name(given: object) -> None:
    with pytest.raises(Invalid) as caught:
        load(Input, {"number": "x", "one": given})
    assert caught.value.errors.keys() == {"number", "one"}
    assert caught.value.errors["one"].startswith("Expected a handle, got")


def test_several_are_refused_where_one_is_declared() -> None:
    with pytest.raises(Invalid, match="given 2 times"):
        parameter_reader(Input)({"number": "1", "one": [Handle(), Handle()]}, None)


def test_their_schema_is_their_own() -> None:
    properties = schema(Input)["$defs"]["Input"]["properties"]
    binary = {"type": "string", "format": "binary"}
    assert properties["one"]["anyOf"] == [binary, {"type": "null"}]
    assert properties["many"]["items"] == binary
