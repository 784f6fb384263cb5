"""Values that a description of an API allows, and others that it forbids, for property-based tests."""

from __future__ import annotations

import base64
import datetime
import math
from typing import Any

import jsonschema
from hypothesis import strategies as st

Schema = dict[str, Any]
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
OTHERS = st.sampled_from([None, True, 1.5, -1, "text", "", [], [None], {}, {"$other": 1}])
ZONES = st.just(datetime.UTC)
FORMATS: dict[str, st.SearchStrategy[Any]] = {
    "date-time": st.datetimes(timezones=ZONES).map(datetime.datetime.isoformat),
    "date": st.dates().map(datetime.date.isoformat),
    "time": st.times(timezones=ZONES).map(datetime.time.isoformat),
    "uuid": st.uuids().map(str),
    "decimal": st.decimals(allow_nan=False, allow_infinity=False).map(str),
}


class Described:
    """The schemas of a document."""

    def __init__(self, document: Schema) -> None:
        self.components: dict[str, Schema] = document["components"]["schemas"]

    def allows(self, schema: Schema, value: object) -> bool:
        """Whether a value fits a schema."""
        whole = {**schema, "components": {"schemas": self.components}}
        return jsonschema.Draft202012Validator(whole).is_valid(value)

    def allowed(self, schema: Schema) -> st.SearchStrategy[Any]:
        """Values that fit a schema."""
        if "$ref" in schema:
            target = self.components[schema["$ref"].rpartition("/")[2]]
            return st.deferred(lambda: self.allowed(target))
        if "anyOf" in schema:
            return st.one_of([self.allowed(branch) for branch in schema["anyOf"]])
        if "enum" in schema:
            return st.sampled_from(schema["enum"])
        make = getattr(self, f"_{schema.get('type', 'anything')}")
        found: st.SearchStrategy[Any] = make(schema)
        return found

    @st.composite
    @staticmethod
    def _changed(draw: st.DrawFn, values: st.SearchStrategy[Any]) -> Any:
        value = draw(values)
        keys = sorted(value) if isinstance(value, dict) else range(len(value))
        if not keys or not isinstance(value, dict | list):
            return draw(OTHERS)
        key = draw(st.sampled_from(list(keys)))
        if draw(st.booleans()) and isinstance(value, dict):
            del value[key]
        elif isinstance(value[key], dict | list) and value[key] and draw(st.booleans()):
            value[key] = draw(Described._changed(st.just(value[key])))
        else:
            value[key] = draw(OTHERS)
        return value

    def forbidden(self, schema: Schema) -> st.SearchStrategy[Any]:
        """Values that nearly fit a schema."""
        changed: st.SearchStrategy[Any] = Described._changed(self.allowed(schema))
        return changed.filter(lambda value: not self.allows(schema, value))

    def _anything(self, schema: Schema) -> st.SearchStrategy[Any]:
        return OTHERS

    def _null(self, schema: Schema) -> st.SearchStrategy[Any]:
        return st.none()

    def _boolean(self, schema: Schema) -> st.SearchStrategy[Any]:
        return st.booleans()

    def _integer(self, schema: Schema) -> st.SearchStrategy[Any]:
        """Integers, some of them written as 1.0."""
        least = schema.get("minimum", -(2**53))
        most = schema.get("maximum", 2**53)
        numbers = st.integers(least, most)
        return numbers | numbers.map(float)

    def _number(self, schema: Schema) -> st.SearchStrategy[Any]:
        least = schema.get("minimum", -math.inf)
        floats = st.floats(least, allow_nan=False, allow_infinity=False)
        return floats | st.integers(max(math.ceil(max(least, -1000)), -1000), 1000)

    def _string(self, schema: Schema) -> st.SearchStrategy[Any]:
        if schema.get("format") in FORMATS:
            return FORMATS[schema["format"]]
        if schema.get("contentEncoding") == "base64":
            return st.binary(max_size=20).map(base64.b64encode).map(bytes.decode)
        if "pattern" in schema:
            return st.from_regex(schema["pattern"], alphabet=st.characters(codec="ascii"))
        least = schema.get("minLength", 0)
        most = min(schema.get("maxLength", 30), 30)
        return st.text(st.characters(exclude_categories=["Cs"]), min_size=least, max_size=most)

    def _array(self, schema: Schema) -> st.SearchStrategy[Any]:
        return st.lists(self.allowed(schema.get("items", {})), max_size=3)

    def _object(self, schema: Schema) -> st.SearchStrategy[Any]:
        properties: dict[str, Schema] = schema.get("properties", {})
        required = set(schema.get("required", ()))
        strategies = {name: self.allowed(inner) for name, inner in properties.items()}
        needed = {name: one for name, one in strategies.items() if name in required}
        optional = {name: one for name, one in strategies.items() if name not in required}
        known = st.fixed_dictionaries(needed, optional=optional)
        more = schema.get("additionalProperties", {} if properties else True)
        if not isinstance(more, dict):
            return known
        if properties:
            return known | known.map(lambda found: {**found, "not declared": 1})
        return st.dictionaries(TEXTS, self.allowed(more), max_size=3)
