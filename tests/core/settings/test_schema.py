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


class Small(Model):
    few: list[str] = ["one"]
    secret: Secret = Secret("canary")


class Outer(Model):
    at: datetime
    perhaps: datetime | None = None
    many: list[datetime] = []
    some: dict[str, datetime | None] = {}
    unique: set[int] = {3}
    price: Decimal = Decimal(0)
    secrets: list[Secret] = [Secret("canary")]
    inner: Inner | None = None
    small: Small = Small()


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
    assert properties["small"]["default"] == {"few": ["one"]}
    assert "canary" not in repr(found)


class Base(Model):
    """What all have. More of it."""

    name: str
    limits: Inner | None = None


class Undocumented(Model):
    size: int = 1
    colours: list[str] = ["red"]


class Whole(Undocumented, Base):
    """The whole
    of it.
    """

    name: str
    inner: Small = Small()


def test_a_setting_says_which_class_declares_it() -> None:
    whole = schema(Whole)["$defs"]["Whole"]
    assert whole["x-groups"] == {
        "Whole": "The whole of it",
        "Undocumented": "Undocumented",
        "Base": "What all have",
    }
    found = {name: one["x-group"] for name, one in whole["properties"].items()}
    assert found == {
        "name": "Whole",
        "inner": "Whole",
        "size": "Undocumented",
        "colours": "Undocumented",
        "limits": "Base",
    }
    assert whole["properties"]["inner"]["default"] == {"few": ["one"]}
    assert whole["properties"]["colours"]["default"] == ["red"]
    assert "x-groups" not in schema(Base)["$defs"]["Base"], "all are of one class"


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
