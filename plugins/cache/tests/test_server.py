"""Caches of a real server: by services, the admin API, the command line, and Zato's services and
addresses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests
from hansa_devkit.harness.api_server import ApiError, RunningServer
from hansa_devkit.harness.waiting import wait_until

from tests.commands import hansa

pytestmark = pytest.mark.evidence("real_server")
PASSWORD = "the long password of the cache"
CONFIG = f"""
[data.cache.rates]
max_items = 100
default_expiry = 600

[zato]
cache_security = "pub.zato.cache"

[security.basic."pub.zato.cache"]
username = "pub.zato.cache"
password = "{PASSWORD}"

[security.basic.vera]
username = "vera"
password = "the long password of vera"

[account.account.vera]
roles = ["viewer"]
credentials = ["vera"]
"""
SOURCE = """
from hansa import Service
from hansa_cache import Caches


class Rate(Service):
    name = "rates.get"
    cache: Caches

    def handle(self):
        return self.cache.rates.get_or_compute(self.request.input, lambda: {"rate": 1.22})


class Now(Service):
    name = "rates.now"

    def handle(self):
        self.response.headers["X-Made-For"] = self.cid
        if self.request.params.get("cookie"):
            self.response.headers["Set-Cookie"] = "a=b"
        if self.request.params.get("status"):
            self.response.status = int(self.request.params["status"])
        return {"cid": self.cid}


class Later(Service):
    name = "rates.later"

    async def handle(self):
        return {"cid": self.cid}
"""
DIALECT = '''
from zato.server.service import Service


class Hashed(Service):
    """Says itself what its answer depends on."""

    name = "dialect.hashed"

    def get_request_hash(self, ctx):
        assert ctx.channel_item["name"] == "hashed"
        assert ctx.wsgi_environ["REQUEST_METHOD"] == "POST"
        return ctx.channel_params["day"] + str(len(ctx.raw_request))

    def handle(self):
        self.response.payload = {"cid": self.cid}


class Cached(Service):
    """Uses a cache as services of Zato do."""

    name = "dialect.cached"

    def handle(self):
        cache = self.cache.default
        seen = [cache.set("user.1", "a"), cache.set("user.1", "b", 300), cache.get("user.1")]
        cache.set("user.2", ["c"])
        seen += [cache.get("none", "d"), cache.get_by_prefix("user."), sorted(cache.keys())]
        seen.append(self.cache.get("user.1", details=True).expires_at is not None)
        seen.append(cache.set_by_regex("r.2$", 3, return_found=True))
        seen += [cache.delete_contains_any(["1"], True), "user.1" in cache, cache["user.2"]]
        seen.append([cache.expire("user.2", 60), cache.values(), cache.items()])
        seen.append([cache.get_by_suffix(".2"), cache.get_contains("ser"), list(cache)])
        seen.append([cache.get_not_contains("x"), cache.get_contains_all(["u", "2"])])
        seen.append(self.cache.get_cache("builtin", "rates").get("USD"))
        try:
            cache.delete("none")
        except KeyError:
            seen.append("KeyError")
        cache.clear()
        self.response.payload = {"seen": seen, "left": len(cache)}
'''


@pytest.fixture(scope="module")
def server(start_shared_server: Callable[..., RunningServer]) -> RunningServer:
    plugins = ["cache", "roles", "security", "zato", "http", "json"]
    server = start_shared_server(CONFIG, workers=2, plugins=plugins)
    server.deploy("rates.py", SOURCE)
    server.deploy("dialect.py", DIALECT)
    return server


def invoked(server: RunningServer, service: str, payload: object = None) -> Any:
    return server.api("admin.service.invoke", name=service, payload=payload)["payload"]


def test_services_of_both_kinds_share_caches(server: RunningServer):
    assert invoked(server, "rates.get", "USD") == {"rate": 1.22}
    answer = invoked(server, "dialect.cached")
    assert answer["left"] == 0
    assert answer["seen"] == [
        None,
        "a",
        "b",
        "d",
        {"user.1": "b", "user.2": ["c"]},
        ["user.1", "user.2"],
        True,
        {"user.2": ["c"]},
        {"user.1": "b"},
        False,
        3,
        [True, [3], [["user.2", 3]]],
        [{"user.2": 3}, {"user.2": 3}, ["user.2"]],
        [{"user.2": 3}, {"user.2": 3}],
        {"rate": 1.22},
        "KeyError",
    ]


def test_entries_by_the_admin_api(server: RunningServer):
    api = server.api
    api("admin.cache.set", cache="rates", key="EUR", value=1, expiry=0)
    api("admin.cache.set", cache="rates", key="raw", base64="AP8=")
    assert api("admin.cache.get", cache="rates", key="EUR")["expires"] is None
    assert api("admin.cache.get", cache="rates", key="raw")["base64"] == "AP8="
    listed = api("admin.cache.list", cache="rates", variant="regex", wanted=["^(EUR|raw)$"])
    assert listed == {"items": ["EUR", "raw"], "total": 2}
    found = {one["name"]: one for one in api("admin.cache.status")["items"]}
    assert found["rates"]["items"] >= 2 and found["rates"]["max_items"] == 100
    assert api("admin.cache.delete", cache="rates", key="raw") == {"deleted": 1}
    assert api("admin.cache.clear", cache="rates")["deleted"] >= 1
    for service, asked, status in (
        ("admin.cache.get", {"cache": "rates", "key": "none"}, 404),
        ("admin.cache.get", {"cache": "none", "key": "a"}, 404),
        ("admin.cache.set", {"key": "a"}, 400),
        ("admin.cache.set", {"key": "a", "base64": "?"}, 400),
        ("admin.cache.set", {"key": "a", "value": "x" * 100_000}, 413),
        ("admin.cache.list", {"wanted": ["a"]}, 400),
        ("admin.cache.list", {"variant": "regex", "wanted": ["("]}, 400),
    ):
        with pytest.raises(ApiError) as refused:
            api(service, **asked)
        assert refused.value.status == status, (service, asked)


def test_entries_on_the_command_line(server: RunningServer):
    hansa(server, "cache", "set", "user.1", '{"name": "Ünal"}', "--expiry", "60")
    hansa(server, "cache", "set", "user.2", "plain", "--text")
    assert "Ünal" in hansa(server, "cache", "get", "user.1").stdout
    listed = hansa(server, "cache", "list", "--variant", "prefix", "--wanted", "user.").stdout
    assert listed.split() == ["user.1", "user.2"]
    assert "default" in hansa(server, "cache", "status").stdout
    hansa(server, "cache", "delete", "user.1")
    assert hansa(server, "cache", "get", "user.1", check=False).returncode
    assert hansa(server, "cache", "clear").stdout == "deleted: 1\n"


def cids(server: RunningServer, path: str, count: int = 6, **options: Any) -> set[str]:
    """Return for which requests the answers to the same request were made."""
    answers = [server.get(path, **options) for _ in range(count)]
    assert {answer.status_code for answer in answers} == {200}
    return {answer.json()["cid"] for answer in answers}


def test_answers_of_a_channel_are_kept(server: RunningServer):
    """By both workers, until the channel is edited or its service deployed anew."""
    api = server.api
    kept = {"cache": "rates", "expiry": 500, "headers": ["Accept-Language"]}
    about = {"url_path": "/now", "service": "rates.now", "format": "json"}
    api("admin.channel.http.create", name="now", **about, response_cache=kept)
    first = server.get("/now?a=1&b=2")
    assert first.headers["Cache-Status"] == "responses; fwd=miss; stored"
    again = server.get("/now?b=2&a=1")
    assert again.json() == first.json()
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert again.headers["Cache-Status"].startswith("responses; hit; ttl=")
    # the correlation id is that of each request, also where the service gave it on
    assert (
        again.headers["X-Made-For"] == again.headers["X-Hansa-CID"] != first.headers["X-Made-For"]
    )
    assert cids(server, "/now?a=1&b=2") == {first.json()["cid"]}
    others = [cids(server, "/now?a=2"), cids(server, "/now", headers={"Accept-Language": "de"})]
    assert [len(one) for one in others] == [1, 1]
    assert len(set().union(*others, {first.json()["cid"]})) == 3
    assert len(cids(server, "/now?cookie=1")) == 6
    for status in (201, 404):
        assert len({server.get(f"/now?status={status}").text for _ in range(4)}) == 4
    assert len({server.post("/now", {}).text for _ in range(4)}) == 4
    with pytest.raises(ApiError) as refused:
        api("admin.channel.http.edit", name="now", response_cache={"cache": "none"})
    assert "response_cache.cache" in str(refused.value)
    api("admin.channel.http.edit", name="now", response_cache={**kept, "methods": ["POST"]})
    assert len({server.post("/now", {"a": 1}).text for _ in range(6)}) == 1
    assert len({server.post("/now", {"a": 2}).text for _ in range(6)}) == 1
    # a query that is no part of the input, and is read by services all the same
    api("admin.channel.http.edit", name="now", merge_url_params_req=False)
    apart = [{server.post(f"/now?a={number}", {}).text for _ in range(3)} for number in (1, 2)]
    assert [len(one) for one in apart] == [1, 1] and apart[0] != apart[1]
    before = server.post("/now", {"a": 1}).text
    server.deploy("rates.py", SOURCE.replace("1.22", "1.23"))
    wait_until(lambda: server.post("/now", {"a": 1}).text != before)
    api("admin.channel.http.delete", name="now")


def test_each_caller_has_answers_of_its_own(server: RunningServer):
    """Unless the channel says that they are the same for all; who may not call gets none."""
    api = server.api
    for name in ("one", "two"):
        api("admin.security.basic.create", name=name, username=name, password="a long password")
    about = {"url_path": "/mine", "service": "rates.now", "format": "json"}
    kept = {"cache": "rates", "per_caller": True}
    callers = ["one", "two"]
    api("admin.channel.http.create", name="mine", **about, security=callers, response_cache=kept)
    auth = [(name, "a long password") for name in callers]
    assert len(set().union(*(cids(server, "/mine", auth=each) for each in auth))) == 2
    api("admin.channel.http.edit", name="mine", response_cache={**kept, "per_caller": False})
    assert len(set().union(*(cids(server, "/mine", auth=each) for each in auth))) == 1
    assert server.get("/mine").status_code == 401
    api("admin.channel.http.delete", name="mine")
    for name in callers:
        api("admin.security.basic.delete", name=name)


def test_answers_of_a_service_on_the_event_loop_are_kept(server: RunningServer):
    about = {"url_path": "/later", "service": "rates.later", "format": "json"}
    kept = {"cache": "rates"}
    server.api("admin.channel.http.create", name="later", **about, response_cache=kept)
    assert len(cids(server, "/later")) == 1
    assert len({*cids(server, "/later?a=1"), *cids(server, "/later?a=2")}) == 2
    server.api("admin.channel.http.delete", name="later")


def test_a_service_of_zato_says_what_its_answer_depends_on(server: RunningServer):
    kept = {"cache": "rates", "methods": ["POST"]}
    about = {"url_path": "/hashed/{day}", "service": "dialect.hashed", "format": "json"}
    server.api("admin.channel.http.create", name="hashed", **about, response_cache=kept)
    same = {server.post("/hashed/monday", {"a": number}).text for number in range(6)}
    assert len(same) == 1
    assert server.post("/hashed/sunday", {"a": 1}).text not in same
    assert server.post("/hashed/monday", {"a": 10}).text not in same
    server.api("admin.channel.http.delete", name="hashed")


def test_the_addresses_of_zato(server: RunningServer):
    auth = ("pub.zato.cache", PASSWORD)

    def ask(method: str, path: str, **options: Any) -> Any:
        url = f"{server.url}/zato/cache/{path}"
        return requests.request(method, url, auth=auth, timeout=60, **options)

    assert server.get("/zato/cache/a").status_code == 401
    assert ask("GET", "a").status_code == 404
    assert ask("POST", "a", json={"value": {"b": 1}, "expiry": 500}).status_code == 200
    assert ask("GET", "a").json() == {"value": {"b": 1}}
    assert ask("GET", "a?details=true").json()["key"] == "a"
    assert ask("GET", "none?default=x").json() == {"value": "x"}
    answer = ask("POST", "a", json={"value": 2, "return_prev": True, "cache": "rates"})
    assert answer.json() == {"prev_value": None}
    assert ask("GET", "a?cache=rates").json() == {"value": 2}
    assert ask("GET", "a?cache=none").status_code == 404
    assert ask("POST", "a", json={}).status_code == 400
    assert ask("POST", "none", json={"expiry": 5}).status_code == 404
    assert ask("GET", "get/by-prefix/a").json() == [{"key": "a", "value": {"b": 1}}]
    assert ask("POST", "set/by-regex/^a$", json={"value": 3}).status_code == 200
    assert ask("POST", "expire/contains-any/a,z", json={"expiry": 9}).status_code == 200
    assert ask("GET", "get/by-nothing/a").status_code == 404
    answer = ask("POST", "delete/by-suffix/a", json={"return_prev": True})
    assert answer.json() == [{"key": "a", "prev_value": 3}]
    assert ask("DELETE", "a").status_code == 404
    assert ask("DELETE", "a?cache=rates&return_prev=true").json() == {"prev_value": 2}


def test_a_viewer_sees_keys_and_no_values(server: RunningServer):
    auth = ("vera", "the long password of vera")
    assert server.post("/hansa/api/admin.cache.list", {}, auth=auth).status_code == 200
    for service in ("get", "set", "delete", "clear"):
        asked = {"key": "a", "value": 1}
        answer = server.post(f"/hansa/api/admin.cache.{service}", asked, auth=auth)
        assert answer.status_code == 403


def test_a_cache_is_edited_and_deleted_while_it_serves(server: RunningServer):
    api = server.api
    api("admin.data.cache.create", name="short", max_items=2)
    for key in ("a", "b", "c"):
        api("admin.cache.set", cache="short", key=key, value=key)
    assert api("admin.cache.list", cache="short")["total"] == 2
    api("admin.data.cache.edit", name="short", max_items=3)
    api("admin.cache.set", cache="short", key="d", value=1)
    assert api("admin.cache.list", cache="short")["total"] == 3
    api("admin.data.cache.delete", name="short")
    api("admin.data.cache.create", name="short")
    wait_until(lambda: api("admin.cache.list", cache="short")["total"] == 0, 30)
