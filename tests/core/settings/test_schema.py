"""JSON Schemas: formats and defaults that msgspec leaves out, and names that stay the same."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from hansa import Model, Secret, schema, schema_components

MOMENT = {"type": "string", "format": "date-time"}
NOTHING = {"type": "null"}
NUMBER = [{"type": "string", "format": "decimal"}, {"type": "number"}]


class Inner(Model):
    at: datetime


class Outer(Model):
    at: datetime
    perhaps: datetime | None = None
    many: list[datetime] = []
    some: dict[str, datetime | None] = {}
    unique: set[int] = {3}
    price: Decimal = Decimal(0)
    secrets: list[Secret] = [Secret("canary")]
    inner: Inner | None = None


def test_formats_and_defaults_are_complete() -> None:
    found = schema(Outer)["$defs"]
    properties = found["Outer"]["properties"]
    assert properties["at"] == MOMENT
    assert properties["perhaps"] == {"anyOf": [MOMENT, NOTHING], "default": None}
    assert properties["many"] == {"type": "array", "items": MOMENT, "default": []}
    assert properties["some"]["additionalProperties"] == {"anyOf": [MOMENT, NOTHING]}
    assert properties["unique"] == {"type": "array", "items": {"type": "integer"}, "default": [3]}
    assert properties["price"] == {"anyOf": NUMBER, "default": "0"}
    assert found["Inner"]["properties"]["at"] == MOMENT
    assert "canary" not in repr(found)


@pytest.mark.parametrize("version", [1, 2])
def test_classes_of_deployed_modules_have_names_without_the_version(version: int) -> None:
    def declared(qualified: str, module: str) -> Any:
        made = type("Input", (Model,), {"__annotations__": {"inner": Inner}})
        made.__module__ = module
        made.__qualname__ = qualified
        return made

    models = [declared("Order.Input", f"shop@{version}"), declared("Bill.Input", "shop@5")]
    models.append(declared("Input", "hansa_plugin"))
    found, components = schema_components(models, "#/{name}")
    names = ["shop.Order.Input", "shop.Bill.Input", "hansa_plugin.Input"]
    assert [one["$ref"] for one in found] == [f"#/{name}" for name in names]
    assert set(components) == {*names, "Inner"}
    assert components["shop.Order.Input"]["properties"]["inner"] == {"$ref": "#/Inner"}
