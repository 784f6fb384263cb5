"""Every door to administrative services: who may come in, and what may stand where."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hansa import Channel, Forbidden, NotFound, Request, Service
from hansa_admin.guard import is_door
from hansa_admin.pages import Docs
from hansa_admin.plugin import hansa_guard
from hansa_admin.services import ServiceInvoke
from hansa_devkit import LocalServer
from hansa_http.channel import HttpChannel, HttpSettings

if TYPE_CHECKING:
    from plugins.admin.tests.conftest import Server

STATUS = {"service": "admin.server.status", "security": "admin", "format": "json"}
OTHER_SITES = (
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Sec_Fetch_Site": "cross-site"},
    {"Sec_Fetch_Site": "same-site"},
)


class Plain(Service):
    """Administers nothing."""


class Gateway(Service):
    """Calls whatever its callers wish."""

    @classmethod
    def is_administrative(cls) -> bool:
        return True


def channel(security: str | None = None, *, builtin: bool = False) -> Channel:
    model = type("Whole", (HttpSettings, HttpChannel.common), {"__module__": __name__})
    made = HttpChannel("c", model(url_path="/c", service="s", security=security), LocalServer())
    made.builtin = builtin
    return made


def test_what_is_a_door() -> None:
    assert is_door(channel("other"), ServiceInvoke)
    assert is_door(channel("other"), Gateway)
    assert is_door(channel("admin", builtin=True), Plain)
    assert not is_door(channel("admin"), Plain)
    assert not is_door(channel(builtin=True), Plain)
    assert hansa_guard(channel("admin"), Plain) is None


def test_pages_may_be_opened_from_elsewhere_and_are_shut_all_the_same() -> None:
    guard = hansa_guard(channel("admin", builtin=True), Docs)
    assert guard is not None
    guard(Request(headers={"sec-fetch-site": "cross-site"}))
    with pytest.raises(NotFound):
        guard(Request(headers={"x-hansa-admin": "shut"}, path="/hansa/api/docs"))
    guard = hansa_guard(channel("admin", builtin=True), Gateway)
    assert guard is not None
    with pytest.raises(Forbidden):
        guard(Request(headers={"origin": "http://[", "host": "h"}))


def test_another_door_refuses_other_sites_too(server: Server) -> None:
    server.call("admin.channel.http.create", {"name": "door", "url_path": "/door", **STATUS})
    for headers in OTHER_SITES:
        answer = server.http("/door", b"{}", Content_Type="text/plain", **headers)
        assert answer.status == 403, headers
    host = server.url.removeprefix("http://")
    assert server.http("/door", b"{}", Origin=f"http://{host}").status == 200


def test_a_proxy_shuts_all_doors_with_and_without_the_password(server: Server) -> None:
    server.call("admin.channel.http.create", {"name": "door", "url_path": "/door", **STATUS})
    for path in ("/door", "/hansa/api/admin.server.status"):
        for password in (None, "wrong", ""):
            answer = server.http(path, b"{}", password=password, X_Hansa_Admin="shut")
            assert answer.status == 404, (path, password)
    for path in ("/hansa/api/docs", "/hansa/api/openapi.json", "/hansa/openapi.json"):
        assert server.http(path, X_Hansa_Admin="shut").status == 404, path


@pytest.mark.parametrize(
    "path",
    ["/hansa/api/admin.service.invoke", "/hansa/{x}", "/hansa", "/%68ansa/x", "/hansa/mine/deeper"],
)
def test_hansas_own_addresses_are_nobody_elses(server: Server, path: str) -> None:
    settings = {"name": "mine", "url_path": path, "service": "rates.plain"}
    answer = server.api("admin.channel.http.create", settings)
    assert answer.status == 409, answer.raw
    assert "is one of Hansa's own" in answer.json["detail"]


def test_a_pattern_that_would_match_them_does_not_answer_there(server: Server) -> None:
    for name, path, slash in (("two", "/{a}/{b}/{c}", False), ("all", "/{all}", True)):
        settings = {"name": name, "url_path": path, "match_slash": slash, "service": "rates.plain"}
        server.call("admin.channel.http.create", {**settings, "format": "json"})
    assert server.http("/x/y/z", password="").json == {"got": {"a": "x", "b": "y", "c": "z"}}
    assert server.http("/hansa/api/nothing", password="").status == 405
    assert server.http("/hansa/nothing", password="").status == 404
    assert server.http("/hansa/api/admin.server.status", b"{}", password="").status == 401


def test_a_channel_to_an_admin_service_needs_security_and_says_so(server: Server) -> None:
    settings = {"name": "open", "url_path": "/open", "service": "admin.server.status"}
    answer = server.api("admin.channel.http.create", settings)
    assert answer.status == 400
    assert answer.json["errors"] == {
        "security": "admin.server.status administers the cluster: "
        "name a security definition that callers must satisfy"
    }
    answer = server.api("admin.channel.http.create", {**settings, "security": ""})
    assert answer.status == 400
    assert answer.json["errors"].keys() == {"security"}
