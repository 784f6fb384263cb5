"""The JSON Schemas of all installed types say what a form needs: defaults, formats, and the classes
that settings are declared by.
"""

from __future__ import annotations

from datetime import datetime

from hansa import fields, schema
from hansa.settings.members import alternatives

from tools.live import live


# no parameters: to find them, each process that runs tests would load all plugins
def test_the_schemas_have_defaults_formats_and_groups() -> None:
    for registered in live().registry.types():
        kind = " ".join(registered.path)
        whole = schema(registered.model)
        settings = whole["$defs"][whole["$ref"].rpartition("/")[2]]
        groups = settings.get("x-groups", {})
        for field in fields(registered.model):
            described = settings["properties"][field.name]
            where = f"{kind}: {field.name}"
            assert field.required or field.secret or "default" in described, where
            assert described.get("x-group") in groups or not groups, where
            if datetime in alternatives(field.type):
                assert "date-time" in str(described), where
        for title in groups.values():
            assert title and "\n" not in title and not title.endswith("."), f"{kind}: {title}"
