"""The gateway: who gets in, what is read, and the shape of errors."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plugins.admin.tests.conftest import Server

STATUS = "/hansa/api/admin.server.status"


def test_only_the_admin_gets_in(server: Server) -> None:
    for answer in (
        server.http(STATUS, b"{}", password=""),
        server.http(STATUS, b"{}", password="wrong"),
        server.http(STATUS, b"{}", user="root"),
        server.http("/hansa/api/openapi.json", password=""),
        server.http("/hansa/api/docs", password=""),
        server.http("/hansa/api/docs/start.js", password=""),
    ):
        assert answer.status == 401
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")
        assert answer.json["cid"] == answer.headers["X-Hansa-CID"]


def test_an_answer_is_json_with_a_cid_and_not_kept_by_caches(server: Server) -> None:
    answer = server.http(STATUS, b"", X_Hansa_CID="Kmine")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "revision" in answer.json


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        (b"{", "not valid JSON"),
        (b"[]", "expected one JSON object"),
        (b'{"name": "a", "name": "b"}', "given twice"),
        (b'{"name": NaN}', "not valid JSON"),
        (b'{"name": "\\ud800"}', "not valid JSON"),
        (b'{"name": ' + b"[" * 5000 + b"]" * 5000 + b"}", "levels deep"),
        (b'{"nmae": "x"}', "unknown setting; did you mean name?"),
        (b'{"name": 5}', "Expected `str`, got `int`"),
        (b"\xff\xfe", "not valid JSON"),
    ],
)
def test_bad_input_is_refused_with_its_reason(server: Server, raw: bytes, fault: str) -> None:
    answer = server.api("admin.channel.http.get", raw=raw)
    assert answer.status == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert {"status", "code", "title", "detail", "cid", "errors"} == set(answer.json)
    assert answer.json["status"] == 400
    assert fault in json.dumps(answer.json["errors"])
    assert "Traceback" not in answer.raw.decode()


@pytest.mark.parametrize(
    "name",
    ["rates.get-rate", "admin.nothing", "admin.api", "admin.channel.http.run", "..", "admin."],
)
def test_only_admin_services_are_behind_it(server: Server, name: str) -> None:
    answer = server.api(name, {})
    assert answer.status == 404
    assert answer.json["title"] == "Not found"


def test_other_methods_are_refused(server: Server) -> None:
    assert server.http(STATUS).status == 405


def test_pages_of_other_sites_cannot_use_the_remembered_password(server: Server) -> None:
    host = server.url.removeprefix("http://")
    for headers in (
        {"Origin": "http://evil.example"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Origin": "null"},
    ):
        answer = server.http(STATUS, b"{}", **headers)
        assert answer.status == 403, headers
    assert (
        server.http(STATUS, b"{}", Origin=f"http://{host}", Sec_Fetch_Site="same-origin").status
        == 200
    )


def test_services_that_other_plugins_name_admin_are_reached_too(server: Server) -> None:
    source = (
        "from hansa import Service\n"
        "class Mine(Service):\n"
        "    name = 'admin.mine'\n"
        "    def handle(self):\n"
        "        return self.request.input\n"
    )
    server.call("admin.service.deploy", {"file": "mine.py", "source": source})
    try:
        assert server.call("admin.mine", {"a": 1}) == {"a": 1}
        assert server.api("admin.mine", raw=b'{"a": 1, "a": 2}').status == 400
    finally:
        server.call("admin.service.delete", {"name": "admin.mine"})


def test_built_in_definitions_cannot_be_changed_and_are_not_exported(server: Server) -> None:
    assert server.api("admin.security.basic.edit", {"name": "admin", "password": "x"}).status == 409
    assert server.api("admin.channel.http.delete", {"name": "admin.api"}).status == 409
    assert server.call("admin.config.export") == {}
    faults = server.api(
        "admin.config.apply",
        {"config": {"security": {"basic": {"admin": {"username": "a", "password": "b"}}}}},
    )
    assert faults.json["errors"] == {
        "security.basic.admin": "security basic 'admin' comes with a plugin and cannot be changed"
    }
    shown = server.call("admin.security.basic.get", {"name": "admin"})
    assert shown["builtin"] is True
    assert server.password not in json.dumps(shown)


def test_parameters_of_a_channel_are_typed_and_its_body_stays_strict(server: Server) -> None:
    settings = {"service": "admin.channel.http.list", "security": "admin", "format": "json"}
    server.call("admin.channel.http.create", {"name": "listed", "url_path": "/listed", **settings})
    assert len(server.http("/listed?limit=1").json["items"]) == 1
    assert server.http("/listed?limit=1", b'{"offset": "1"}').status == 400
    assert server.http("/listed?limit=x").json["errors"].keys() == {"limit"}
