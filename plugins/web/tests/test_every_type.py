"""A definition of each installed type, made by its form: the same as one that is made by the API."""

from __future__ import annotations

import re
from typing import TypeAlias

from hansa_devkit.harness.api_server import ApiError, RunningServer

from plugins.web.tests.conftest import Browser

Json: TypeAlias = dict[str, object]
SERVICE = """
from hansa import Service


class Take(Service):
    name = "every-type.take"

    def handle(self):
        return "taken"
"""
REFERRED = {"service": "every-type.take", "format": "json", "security": "admin"}
"""What there is to refer to, by kind."""
VOLATILE = {"name", "revision", "state", "states", "last_used", "delivery", "next_run"}
WORDS = {"string": "some-text", "integer": 1, "number": 1.5, "boolean": True}


def examples_of(described: Json) -> Json:
    """Return the required settings of a type with their examples, inactive."""
    schema = described["schema"]
    assert isinstance(schema, dict)
    known = schema.get("$defs", {})
    schema = known.get(str(schema.get("$ref", "")).rpartition("/")[2], schema)
    found: Json = {}
    for name in schema.get("required", ()):
        if name != "name":
            found[name] = example_of(schema["properties"][name])
    if "active" in schema["properties"]:
        found["active"] = False
    return found


def example_of(setting: Json) -> object:
    """Return a value of a setting: what it refers to, its example, a permitted one, or any."""
    refers = str(setting.get("x-refers", "")).partition(" ")[0]
    if refers in REFERRED:
        return REFERRED[refers]
    for key in ("examples", "enum"):
        values = setting.get(key)
        if isinstance(values, list) and values:
            return values[0]
    items = setting.get("items")
    if isinstance(items, dict):
        return [example_of(items)]
    return WORDS.get(str(setting.get("type")), "some-text")


def as_fields(settings: Json) -> dict[str, object]:
    """Return settings as a form sends them."""
    fields: dict[str, object] = {}
    for name, value in settings.items():
        if isinstance(value, bool):
            fields[name] = "true" if value else "false"
        elif isinstance(value, list):
            fields[name] = "\r\n".join(str(one) for one in value)
        elif isinstance(value, dict):
            fields[f"{name}~keys"] = list(value)
            fields[name] = [str(one) for one in value.values()]
        else:
            fields[name] = str(value)
    return fields


def stored(server: RunningServer, service: str, name: str) -> Json:
    """Return the settings of a definition, without its name and state."""
    found: Json = server.api(f"{service}.get", name=name)
    return {key: value for key, value in found.items() if key not in VOLATILE}


def test_forms_make_what_the_api_makes(browser: Browser, server: RunningServer) -> None:
    server.deploy("every_type.py", SERVICE)
    types = server.api("admin.type.list")["items"]
    made: list[str] = []
    different: list[tuple[object, ...]] = []
    for one in types:
        kind, type = one["kind"], one["type"]
        service = f"admin.{kind}" if kind == type else f"admin.{kind}.{type}"
        described = server.api("admin.type.get", kind=kind, type=type)
        settings = examples_of(described)
        try:
            server.api(f"{service}.create", name="by-api", **settings)
            wanted: Json | None = stored(server, service, "by-api")
            server.api(f"{service}.delete", name="by-api")
        except ApiError as error:
            assert error.status in (400, 404, 409), (service, error)
            wanted = None
        path = f"/tests/{kind}/{type}"
        answer = browser.post(f"{path}/new", {"name": "by-form", **as_fields(settings)})
        if wanted is None:
            if answer.status_code not in (404, 409, 422):
                different.append((service, answer.status_code, settings))
            continue
        if answer.status_code != 303:
            faults = re.findall(r'class="fault"[^>]*>([^<]*)', answer.text)
            different.append((service, answer.status_code, settings, faults))
            continue
        if stored(server, service, "by-form") != wanted:
            different.append((service, stored(server, service, "by-form"), wanted))
        exported = server.api("admin.config.export")
        assert "by-form" in exported[kind][type], service
        assert browser.get(f"{path}/by-form/edit").status_code == 200
        server.api(f"{service}.delete", name="by-form")
        made.append(service)
    assert different == []
    assert len(made) > 0.75 * len(types)
    server.api("admin.service.delete", name="every-type.take")
