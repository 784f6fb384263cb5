"""The JSON Schemas of all installed types say what a form needs: defaults, formats, and the classes
that settings are declared by.
"""

from __future__ import annotations

from datetime import datetime

import pytest
from hansa import RegisteredType, fields, schema
from hansa.settings.members import alternatives

from tools.live import live

TYPES = list(live().registry.types())


@pytest.mark.parametrize("registered", TYPES, ids=lambda one: " ".join(one.path))
def test_the_schema_has_defaults_formats_and_groups(registered: RegisteredType) -> None:
    whole = schema(registered.model)
    settings = whole["$defs"][whole["$ref"].rpartition("/")[2]]
    groups = settings.get("x-groups", {})
    for field in fields(registered.model):
        described = settings["properties"][field.name]
        assert field.required or field.secret or "default" in described, field.name
        assert described.get("x-group") in groups or not groups, field.name
        if datetime in alternatives(field.type):
            assert "date-time" in str(described), field.name
    for title in groups.values():
        assert title and "\n" not in title and not title.endswith("."), title
