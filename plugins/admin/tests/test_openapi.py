"""The description of the API: valid, complete, strict, and shown by a browser without any foreign request."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.chromium import launched, needs_chromium

if TYPE_CHECKING:
    from plugins.admin.tests.conftest import Server


@pytest.fixture
def document(server: Server) -> Any:
    server.call(
        "admin.channel.http.create",
        {
            "name": "rates",
            "url_path": "/r/{country}",
            "service": "rates.get-rate",
            "format": "json",
        },
    )
    more = {"service": "rates.get-rate", "format": "json", "method": "GET,POST"}
    server.call("admin.channel.http.create", {"name": "query", "url_path": "/query", **more})
    server.call(
        "admin.channel.http.create", {"name": "off", "url_path": "/off", "active": False, **more}
    )
    server.call(
        "admin.channel.http.create",
        {"name": "untyped", "url_path": "/untyped", "service": "rates.plain"},
    )
    answer = server.http("/hansa/api/openapi.json")
    assert answer.headers["Content-Type"] == "application/json"
    return answer.json


def schema_of(document: Any, service: str, part: str = "requestBody") -> Any:
    operation = document["paths"][f"/hansa/api/{service}"]["post"]
    holder = operation["requestBody"] if part == "requestBody" else operation["responses"]["200"]
    return {**holder["content"]["application/json"]["schema"], "components": document["components"]}


def accepts(document: Any, service: str, value: Any, part: str = "requestBody") -> bool:
    schema = schema_of(document, service, part)
    return not list(jsonschema.Draft202012Validator(schema).iter_errors(value))


def test_it_is_valid_openapi(document: Any) -> None:
    assert document["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(document).validate()


def test_every_admin_service_is_in_it_with_a_sentence(server: Server, document: Any) -> None:
    names = {
        i["name"]
        for i in server.call("admin.service.list", {"filter": "admin.", "limit": 10_000})["items"]
    }
    described = {
        path.removeprefix("/hansa/api/")
        for path in document["paths"]
        if path.startswith("/hansa/api/")
    }
    assert described == names - {"admin.api", "admin.openapi", "admin.docs", "admin.docs.file"}
    for kind_type in ("channel.http", "channel.schedule", "security.basic", "security.apikey"):
        for action in ("create", "edit", "delete", "get", "list", "ping", "test"):
            assert f"admin.{kind_type}.{action}" in described
    assert "admin.channel.schedule.run" in described
    assert "admin.channel.http.run" not in described
    for path in document["paths"].values():
        for operation in path.values():
            assert operation["summary"]


def test_every_setting_has_its_help(document: Any) -> None:
    for name, schema in document["components"]["schemas"].items():
        for setting, described in schema.get("properties", {}).items():
            text = json.dumps(described)
            assert "description" in text or "$ref" in text, f"{name}.{setting}"


def test_inputs_say_what_is_needed_and_refuse_the_rest(document: Any) -> None:
    create, edit = "admin.channel.http.create", "admin.channel.http.edit"
    good = {"name": "x", "url_path": "/x", "service": "a.b"}
    assert accepts(document, create, good)
    assert not accepts(document, create, {**good, "colour": "red"})
    assert not accepts(document, create, {"name": "x"})
    assert not accepts(document, create, {**good, "active": "yes"})
    assert accepts(document, edit, {"name": "x", "active": False, "seen_revision": 4})
    assert not accepts(document, edit, {"active": False})


def test_answers_are_what_is_described(server: Server, document: Any) -> None:
    for service, data in (
        ("admin.channel.http.get", {"name": "rates"}),
        ("admin.channel.http.list", {}),
        ("admin.channel.http.edit", {"name": "off", "method": "GET"}),
        ("admin.channel.http.ping", {"name": "rates"}),
        ("admin.service.list", {}),
        ("admin.service.get", {"name": "rates.get-rate"}),
        ("admin.service.get", {"name": "admin.api"}),
        ("admin.service.invoke", {"name": "rates.plain"}),
        ("admin.plugin.list", {}),
        ("admin.server.status", {}),
        ("admin.config.export", {}),
        ("admin.config.plan", {"config": {}, "prune": True}),
    ):
        assert accepts(document, service, data), service
        answer = server.call(service, data)
        schema = schema_of(document, service, "answer")
        jsonschema.Draft202012Validator(schema).validate(answer)


def test_secrets_are_marked(document: Any) -> None:
    password = document["components"]["schemas"]["SecurityBasicCreateInput"]["properties"][
        "password"
    ]
    assert password["writeOnly"] is True
    assert password["format"] == "password"


def test_typed_services_behind_channels_are_described_too(document: Any) -> None:
    assert "/off" not in document["paths"]
    assert "/untyped" not in document["paths"]
    path = document["paths"]["/r/{country}"]["post"]
    assert [(p["name"], p["in"], p["required"]) for p in path["parameters"]] == [
        ("country", "path", True)
    ]
    assert set(document["paths"]["/query"]) == {"get", "post"}
    query = {p["name"]: p for p in document["paths"]["/query"]["get"]["parameters"]}
    assert query["country"]["required"] is True
    assert query["times"]["schema"]["minimum"] == 1


def test_the_page_is_served_with_a_policy(server: Server) -> None:
    page = server.http("/hansa/api/docs")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert '<meta charset="utf-8">' in page.raw.decode()
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    for address in re.findall(r'(?:src|href)="([^"]+)"', page.raw.decode()):
        assert address.startswith("/hansa/api/docs/")
        found = server.http(address)
        assert found.status == 200
        assert found.raw
    for wrong in ("nothing.js", "..%2f..%2fplugin.py", "%2e%2e"):
        assert server.http(f"/hansa/api/docs/{wrong}").status in (400, 404)


@needs_chromium
def test_a_browser_shows_it_without_a_foreign_request(server: Server, document: Any) -> None:
    asked: list[str] = []
    complaints: list[str] = []
    with launched() as browser:
        context = browser.new_context(
            http_credentials={"username": "admin", "password": server.password}
        )
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on(
            "console",
            lambda message: complaints.append(message.text) if message.type == "error" else None,
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(server.url + "/hansa/api/docs")
        page.get_by_text("channel.http", exact=True).first.click(timeout=20_000)
        shown = page.get_by_text("/hansa/api/admin.channel.http.create", exact=False).first
        shown.click(timeout=10_000)
        page.get_by_role("button", name="Try it out").first.click(timeout=10_000)
        body = page.locator("textarea").first
        body.fill('{"name": "from-the-page", "url_path": "/page", "service": "rates.plain"}')
        with page.expect_response(re.compile("admin.channel.http.create")) as response:
            page.get_by_role("button", name="Execute").first.click(timeout=10_000)
        assert response.value.status == 200, response.value.text()
    assert complaints == []
    assert asked
    assert [url for url in asked if not url.startswith((server.url, "data:", "blob:"))] == []
    assert server.call("admin.channel.http.get", {"name": "from-the-page"})["url_path"] == "/page"


def test_a_channel_of_an_admin_service_leaves_its_description_as_it_is(server: Server) -> None:
    name = "admin.channel.http.create"
    before = schema_of(server.http("/hansa/api/openapi.json").json, name)
    door = {"name": "door", "url_path": "/door", "service": name, "security": "admin"}
    server.call(name, {**door, "format": "json"})
    document = server.http("/hansa/api/openapi.json").json
    assert "/door" in document["paths"]
    after = schema_of(document, name)
    component = after["$ref"].rpartition("/")[2]
    schemas = [one["components"]["schemas"][component] for one in (before, after)]
    assert schemas[0] == schemas[1]
    assert schemas[1]["additionalProperties"] is False
