"""Roles from outside: curl and the `hansa` command, against a server."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from hansa_admin.api import NAME as API
from hansa_devkit.harness.api_server import ApiError, RunningServer

from plugins.tls.tests.authority import Authority

SOURCE = """
from hansa import Service

class Get(Service):
    name = "orders.get"
    def handle(self):
        return {"caller": str(self.request.principal or "")}

class Ask(Service):
    name = "orders.ask"
    def handle(self):
        return self.invoke("orders.get")

class Rates(Service):
    name = "rates.get"
    def handle(self):
        return 1
"""
PLUGINS = ("jwt", "queue", "roles", "scheduler", "tls")
SHARED = "a shared secret of 32 bytes or more, for HS256 alone"
PASSWORDS = {
    "bob": "bob's long password",
    "olga": "olga's long password",
    "app": "the app's password",
}


def basic(name: str) -> str:
    return f"""
[security.basic.{name}]
username = "{name}"
password = "{PASSWORDS[name]}"
"""


CONFIG = f"""
[services]
files = ["shop.py"]
{basic("bob")}{basic("olga")}{basic("app")}
[security.apikey.app-key]
key = "0f8c1d2e3b4a59687766554433221100ffeeddccbbaa9988"

[security.jwt.tokens]
issuer = "https://login.example.com"
audience = ["hansa"]
algorithms = ["HS256"]
secrets = ["{SHARED}"]

[channel.http.orders]
url_path = "/orders"
service = "orders.get"
format = "json"
security = ["app", "app-key", "olga"]

[channel.http.ask]
url_path = "/ask"
service = "orders.ask"
format = "json"

[channel.http.open]
url_path = "/open"
service = "orders.get"
format = "json"

[channel.http.back-door]
url_path = "/back"
service = "admin.server.status"
format = "json"
security = "app"
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("roles")
    (folder / "shop.py").write_text(SOURCE)
    running = RunningServer(folder, CONFIG, workers=1, plugins=PLUGINS)
    running.start()
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def nothing_left(server: RunningServer) -> Iterator[None]:
    """Take back every role and account that a test has made."""
    yield
    for kind in ("account", "role"):
        for item in server.api(f"admin.{kind}.list")["items"]:
            if not item["builtin"]:
                server.api(f"admin.{kind}.delete", name=item["name"])


def curl(server: RunningServer, path: str, *options: str) -> tuple[int, Any]:
    command = ["curl", "-s", "-w", "\n%{http_code}", *options, server.url + path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    body, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(body) if body.startswith(("{", "[", '"')) else body


def as_user(name: str) -> tuple[str, str]:
    return "-u", f"{name}:{PASSWORDS[name]}"


def admin_call(
    server: RunningServer, user: str, service: str, /, **settings: Any
) -> tuple[int, dict[str, Any]]:
    return curl(
        server,
        f"/hansa/api/{service}",
        *as_user(user),
        "-H",
        "Content-Type: application/json",
        "-d",
        json.dumps(settings),
    )


def hansa(server: RunningServer, user: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    file = server.folder / f"{user}.password"
    file.write_text(PASSWORDS[user] + "\n")
    return server.cli(*arguments, "--user", user, "--password-file", str(file), check=False)


def test_without_roles_nothing_changes(server: RunningServer):
    assert curl(server, "/open")[0] == 200
    assert curl(server, "/orders", *as_user("app")) == (200, {"caller": "app"})
    assert curl(server, "/back", *as_user("app"))[0] == 200
    status, problem = admin_call(server, "bob", "admin.server.status")
    assert (status, problem["code"]) == (401, "unauthorized")
    assert [item["name"] for item in server.api("admin.role.list")["items"]] == [
        "admin",
        "developer",
        "operator",
        "viewer",
    ]
    assert not server.api("admin.role.who", name="admin.server.status")["guarded"]


def test_a_service_that_a_role_names_is_denied_to_others(server: RunningServer):
    server.api("admin.role.create", name="buyer", services=["orders.get"], security=["app-key"])
    key = ("-H", "X-API-Key: 0f8c1d2e3b4a59687766554433221100ffeeddccbbaa9988")
    assert curl(server, "/orders", *key) == (200, {"caller": "app-key"})
    status, problem = curl(server, "/orders", *as_user("app"))
    assert (status, problem["detail"]) == (403, "the caller may not call this")
    assert problem["cid"].startswith("K")
    assert curl(server, "/open")[0] == 403, "nobody knows who that is"
    status, answer = curl(server, "/ask")
    assert (status, answer) == (200, {"caller": ""}), "calls inside are judged where they come in"
    server.api("admin.role.edit", name="buyer", anonymous=True)
    assert curl(server, "/open")[0] == 200
    server.api("admin.role.edit", name="buyer", active=False)
    assert curl(server, "/orders", *key)[0] == 403, "what it names stays guarded"
    server.api("admin.role.delete", name="buyer")
    assert curl(server, "/orders", *as_user("app"))[0] == 200


def test_a_channel_that_a_role_names(server: RunningServer):
    server.api("admin.role.create", name="caller", channels=["http ord*"], security=["app"])
    assert curl(server, "/orders", *as_user("app"))[0] == 200
    assert curl(server, "/orders", *as_user("olga"))[0] == 403
    assert curl(server, "/open")[0] == 200, "another channel to the same service"
    answer = server.api("admin.role.who", name="http orders")
    assert answer == {
        "name": "http orders",
        "guarded": True,
        "items": [
            {"caller": "security app", "role": "caller"},
        ],
    }


def test_an_account_is_switched_off_in_one_place(server: RunningServer):
    server.api("admin.account.create", name="shop", credentials=["app", "app-key"])
    key = ("-H", "X-API-Key: 0f8c1d2e3b4a59687766554433221100ffeeddccbbaa9988")
    assert curl(server, "/orders", *key)[0] == 200
    server.api("admin.account.edit", name="shop", active=False)
    for credential in (key, as_user("app")):
        status, problem = curl(server, "/orders", *credential)
        assert (status, problem["detail"]) == (403, "the account is switched off")
    assert curl(server, "/back", *as_user("app"))[0] == 403
    assert curl(server, "/orders", *as_user("olga"))[0] == 200
    server.api("admin.account.edit", name="shop", active=True)
    assert curl(server, "/orders", *key)[0] == 200


def test_a_credential_has_one_account(server: RunningServer):
    server.api("admin.account.create", name="shop", credentials=["app"])
    with pytest.raises(ApiError, match="needs the credential app, which account 'shop' has"):
        server.api("admin.account.create", name="other", credentials=["app"])


def test_the_last_use_of_an_account(server: RunningServer, until: Callable[..., Any]):
    server.api("admin.account.create", name="shop", credentials=["app"])
    began = time.strftime("%Y-%m-%d", time.gmtime())
    curl(server, "/orders", *as_user("app"))

    def shown() -> str | None:
        (item,) = server.api("admin.account.list")["items"]
        found: str | None = item["last_used"]
        return found

    assert until(shown).startswith(began)
    assert f"last_used={began}" in server.cli("account", "list").stdout


def test_an_operator(server: RunningServer):
    server.api("admin.account.create", name="bob", credentials=["bob"], roles=["operator"])
    assert admin_call(server, "bob", "admin.server.status")[0] == 200
    assert server.api("admin.role.who", name="admin.server.status")["guarded"]
    for service in ("admin.me", "admin.login", "admin.session.list", API):
        found = server.api("admin.role.who", name=service)
        assert not found["guarded"]
        assert found["items"] == [{"caller": "everybody who logs in", "role": ""}]
    assert admin_call(server, "bob", "admin.channel.http.list")[0] == 200
    for service, settings, roles in (
        ("admin.service.deploy", {"file": "x.py", "source": ""}, "admin, developer"),
        ("admin.service.invoke", {"name": "rates.get"}, "admin, developer"),
        ("admin.channel.http.create", {"name": "x"}, "admin, developer"),
        ("admin.role.create", {"name": "x"}, "admin"),
        ("admin.account.edit", {"name": "bob", "roles": ["admin"]}, "admin"),
        ("admin.plugin.block", {"name": "zato"}, "admin"),
        ("admin.config.apply", {"config": {}}, "admin, developer"),
    ):
        status, problem = admin_call(server, "bob", service, **settings)
        expected = f"{service} may be called by: {roles}"
        assert (status, problem["detail"]) == (403, expected)
    done = hansa(server, "bob", "deploy", __file__)
    assert done.returncode and "admin.service.deploy may be called by: admin, developer" in (
        done.stderr
    )
    assert hansa(server, "bob", "service", "list").returncode == 0
    assert curl(server, "/hansa/api/openapi.json", *as_user("bob"))[0] == 200
    assert curl(server, "/hansa/api/openapi.json", *as_user("olga"))[0] == 401
    assert curl(server, "/back", *as_user("app"))[0] == 403, "every door of admin services obeys"
    assert server.api("admin.server.status"), "the user admin may as before"


def bearer(**claims: object) -> tuple[str, str]:
    found = {"iss": "https://login.example.com", "aud": "hansa", "sub": "jane", **claims}
    token = jwt.encode({**found, "exp": int(time.time()) + 60}, SHARED, algorithm="HS256")
    return "-H", f"Authorization: Bearer {token}"


def test_bearers_of_a_claim_administer_without_an_account(server: RunningServer):
    path = "/hansa/api/openapi.json"
    assert curl(server, path, *bearer(roles=["ops"]))[0] == 401
    server.api(
        "admin.role.create", name="ops", rights=["view"], trusted=["tokens"], claims=["roles=ops"]
    )
    assert curl(server, path, *bearer(roles=["ops"]))[0] == 200
    status, problem = curl(server, path, *bearer(roles=["dev"]))
    assert (status, problem["detail"]) == (
        403,
        "admin.openapi may be called by: admin, developer, operator, ops, viewer",
    )
    assert curl(server, path, "-H", "Authorization: Bearer a.b.c")[0] == 401
    assert curl(server, path, *as_user("bob"))[0] == 401


def test_a_developer_has_no_way_to_become_more(server: RunningServer):
    server.api("admin.account.create", name="bob", credentials=["bob"], roles=["developer"])
    server.api("admin.account.create", name="olga", credentials=["olga"], roles=["admin"])
    assert admin_call(server, "bob", "admin.service.invoke", name="rates.get")[1]["payload"] == 1
    for service, settings in (
        ("admin.service.invoke", {"name": "admin.role.create", "payload": {"name": "x"}}),
        ("admin.failed.edit", {"id": "1-0", "service": "admin.role.create"}),
        ("admin.security.basic.edit", {"name": "olga", "password": "something else 1"}),
        ("admin.security.basic.delete", {"name": "olga"}),
        (
            "admin.config.apply",
            {"config": {"account": {"account": {"bob": {"roles": ["admin"]}}}}},
        ),
        (
            "admin.config.apply",
            {
                "config": {
                    "security": {"basic": {"olga": {"username": "o", "password": "long " * 9}}}
                }
            },
        ),
    ):
        status, problem = admin_call(server, "bob", service, **settings)
        assert (status, "may be called by: admin" in problem["detail"]) == (403, True), problem
    config = {"channel": {"http": {"new": {"url_path": "/new", "service": "rates.get"}}}}
    assert admin_call(server, "bob", "admin.config.apply", config=config)[0] == 200
    assert admin_call(server, "bob", "admin.channel.http.delete", name="new")[0] == 200
    assert admin_call(server, "olga", "admin.account.edit", name="bob", roles=["viewer"])[0] == 200
    assert admin_call(server, "bob", "admin.service.invoke", name="rates.get")[0] == 403


def developer(server: RunningServer) -> None:
    """Make bob one who may define, and neither deploy nor administer; olga is an administrator."""
    server.api("admin.role.create", name="definer", rights=["view", "develop"])
    server.api("admin.account.create", name="bob", credentials=["bob"], roles=["definer"])
    server.api("admin.account.create", name="olga", credentials=["olga"], roles=["admin"])


PAYLOAD = '{"name": "bob", "roles": ["admin"]}'
EVERY_SECOND = {"job_type": "interval_based", "seconds": 1}


@pytest.mark.parametrize(
    ("service", "settings", "needed"),
    [
        (
            "admin.channel.schedule.create",
            {"service": "admin.account.edit", "payload": PAYLOAD},
            "admin.account.edit",
        ),
        (
            "admin.channel.schedule.create",
            {"service": "admin.service.invoke", "payload": PAYLOAD},
            "admin.account.edit",
        ),
        (
            "admin.channel.http.create",
            {"service": API, "url_path": "/door/{service}", "security": "olga"},
            "admin.account.edit",
        ),
        (
            "admin.outgoing.http.create",
            {"address": "http://127.0.0.1:1", "security": "olga"},
            "admin.account.edit",
        ),
        (
            "admin.outgoing.http.test",
            {"address": "http://127.0.0.1:1", "security": "olga"},
            "admin.account.edit",
        ),
        (
            "admin.security.basic.create",
            {"username": "x", "password": {"$file": "/etc/hostname"}, "signs": True},
            "admin.service.deploy",
        ),
        (
            "admin.security.basic.test",
            {"username": "x", "password": {"$env": "PATH"}, "signs": True},
            "admin.service.deploy",
        ),
        (
            "admin.outgoing.http.create",
            {"address": "http://127.0.0.1:1", "headers": {"a": {"$env": "HOME"}}},
            "admin.service.deploy",
        ),
    ],
)
def test_who_may_define_gets_no_further_rights_by_it(
    server: RunningServer, service: str, settings: dict[str, Any], needed: str
):
    developer(server)
    if "schedule" in service:
        settings = {**EVERY_SECOND, **settings}
    status, problem = admin_call(server, "bob", service, name="mine", **settings)
    assert (status, problem["detail"].split()[0]) == (403, needed), problem
    kind, type, _ = service.removeprefix("admin.").split(".")
    config = {kind: {type: {"mine": settings}}}
    status, problem = admin_call(server, "bob", "admin.config.apply", config=config)
    assert (status, problem["detail"].split()[0]) == (403, needed), problem


SECRET = "only for the eyes of the server"
MINE = {"url_path": "/mine", "service": "rates.get"}


def test_who_may_define_reads_no_file_by_what_is_wrong_with_settings(
    server: RunningServer, tmp_path: Path
):
    """Faults tell of values: nothing is read for who may not deploy, also where it is planned."""
    developer(server)
    file = tmp_path / "secret"
    file.write_text(SECRET)
    reference = {"$file": str(file)}
    for settings in ({**MINE, "service": reference}, {**MINE, "cache": {"x": reference}}):
        config = {"channel": {"http": {"mine": settings}}}
        edit = {"mode": "create", "kind": "channel", "type": "http", "name": "mine"}
        for service, given in (
            ("admin.config.plan", {"config": config}),
            ("admin.config.apply", {"config": config}),
            ("admin.definition.change", {"edits": [{**edit, "settings": settings}], "plan": True}),
            ("admin.channel.http.create", {"name": "mine", **settings}),
            ("admin.channel.http.test", {"name": "mine", **settings}),
        ):
            status, problem = admin_call(server, "bob", service, **given)
            assert (status, problem["detail"].split()[0]) == (403, "admin.service.deploy"), problem
    config = {"channel": {"http": {"mine": {**MINE, "service": reference}}}}
    status, problem = admin_call(server, "olga", "admin.config.plan", config=config)
    assert status == 400 and SECRET in str(problem), problem


def test_a_reference_is_not_moved_to_a_setting_that_shows_it(server: RunningServer, tmp_path: Path):
    developer(server)
    file = tmp_path / "secret"
    file.write_text(SECRET)
    reference = {"$file": str(file)}
    server.api(
        "admin.security.basic.create", name="own", username="x", password=reference, signs=True
    )
    for service in ("admin.security.basic.edit", "admin.security.basic.test"):
        given = {"name": "own", "username": reference, "signs": True}
        status, problem = admin_call(server, "bob", service, **given)
        assert (status, problem["detail"].split()[0]) == (403, "admin.service.deploy"), problem
    kept = {"name": "own", "password": reference, "signs": True, "realm": "here"}
    assert admin_call(server, "bob", "admin.security.basic.edit", **kept)[0] == 200
    server.api("admin.security.basic.delete", name="own")


def test_what_is_stored_counts_when_it_is_edited(server: RunningServer):
    developer(server)
    server.api(
        "admin.outgoing.http.create", name="own", address="http://127.0.0.1:1", security="olga"
    )
    mine = {"name": "own", "address": "http://127.0.0.1:2"}
    assert admin_call(server, "bob", "admin.outgoing.http.edit", **mine)[0] == 403
    assert admin_call(server, "bob", "admin.outgoing.http.test", **mine)[0] == 403
    server.api("admin.outgoing.http.edit", name="own", security="", headers={"a": {"$env": "HOME"}})
    assert admin_call(server, "bob", "admin.outgoing.http.edit", **mine)[0] == 200
    for variable, status in (("HOME", 200), ("PATH", 403)):
        given = {**mine, "headers": {"a": {"$env": variable}}}
        assert admin_call(server, "bob", "admin.outgoing.http.edit", **given)[0] == status
    server.api("admin.outgoing.http.delete", name="own")


def test_a_job_calls_a_guarded_service_if_its_author_may(server: RunningServer):
    developer(server)
    server.api("admin.role.create", name="reader", services=["rates.*"])
    job = {"name": "job", "service": "rates.get", **EVERY_SECOND, "active": False}
    status, problem = admin_call(server, "bob", "admin.channel.schedule.create", **job)
    expected = "the caller may not call this: rates.get may be called by: admin, developer, reader"
    assert (status, problem["detail"]) == (403, expected)
    server.api("admin.account.edit", name="bob", roles=["definer", "reader"])
    assert admin_call(server, "bob", "admin.channel.schedule.create", **job)[0] == 200
    server.api("admin.channel.schedule.delete", name="job")


def test_what_a_login_with_rights_relies_on_is_of_administrators(server: RunningServer):
    developer(server)
    authorities = {"name": "partner", "certificates": Authority("partner").pem}
    server.api("admin.security.tls_ca.create", **authorities)
    server.api(
        "admin.security.jwt.create",
        name="sso",
        issuer="https://sso.example.com",
        audience=["hansa"],
        algorithms=["ES256"],
        jwks_url="https://127.0.0.1:1/keys",
        jwks_ca="partner",
    )
    assert admin_call(server, "bob", "admin.security.tls_ca.edit", **authorities)[0] == 200
    server.api("admin.role.create", name="ops", trusted=["sso"], claims=["roles=ops"])
    for action, settings in (("edit", authorities), ("delete", {"name": "partner"})):
        status, problem = admin_call(server, "bob", f"admin.security.tls_ca.{action}", **settings)
        assert (status, problem["detail"].split()[0]) == (403, "admin.account.edit"), problem
    server.api("admin.role.delete", name="ops")
    server.api("admin.security.jwt.delete", name="sso")
    server.api("admin.security.tls_ca.delete", name="partner")


def test_who_may_define_does_so(server: RunningServer):
    developer(server)
    job = {"service": "rates.get", **EVERY_SECOND, "active": False}
    assert admin_call(server, "bob", "admin.channel.schedule.create", name="job", **job)[0] == 200
    out = {"address": "http://127.0.0.1:1", "headers": {"a": "b"}}
    assert admin_call(server, "bob", "admin.outgoing.http.create", name="out", **out)[0] == 200
    door = {"url_path": "/mine", "service": "rates.get", "security": "olga"}
    assert admin_call(server, "bob", "admin.channel.http.create", name="door", **door)[0] == 200
    for service, name in (
        ("admin.channel.schedule.delete", "job"),
        ("admin.outgoing.http.delete", "out"),
        ("admin.channel.http.delete", "door"),
    ):
        assert admin_call(server, "bob", service, name=name)[0] == 200


def test_a_role_of_ones_own(server: RunningServer):
    server.cli(
        "role", "create", "support", "--parents", "viewer", "--admin", "admin.service.invoke"
    )
    server.api("admin.role.edit", name="support", services=["rates.*"])
    server.cli("account", "create", "bob", "--credentials", "bob", "--roles", "support")
    assert admin_call(server, "bob", "admin.service.invoke", name="rates.get")[0] == 200
    assert admin_call(server, "bob", "admin.service.invoke", name="orders.get")[0] == 403
    answer = json.loads(server.cli("role", "what", "bob", "--json").stdout)
    assert answer["items"] == [
        {"action": "invoke", "of": "rates.*", "role": "support"},
        {"action": "administer", "of": "admin.service.invoke", "role": "support"},
        {"action": "view", "of": "", "role": "support"},
    ]
    answer = server.api("admin.role.who", name="rates.get")
    assert answer["items"] == [{"caller": "account bob", "role": "support"}]
    assert "rates.*" in server.cli("role", "what", "bob").stdout
    with pytest.raises(ApiError, match="leads back to itself: support -> support"):
        server.api("admin.role.edit", name="support", parents=["support"])
    with pytest.raises(ApiError, match="in use by account 'bob'"):
        server.api("admin.role.delete", name="support")


def test_what_cannot_be_read_stays_shut(server: RunningServer, until: Callable[..., Any]):
    names = {"service": "orders.get", "credential": "app-key"}
    files = {name: server.folder / name for name in names}
    for name, text in names.items():
        files[name].write_text(text)
    server.api("admin.role.create", name="buyer", services=[{"$file": str(files["service"])}])
    server.api(
        "admin.account.create",
        name="shop",
        active=False,
        credentials=["app", {"$file": str(files["credential"])}],
    )
    for file in files.values():
        file.unlink()
    former = server.workers()
    server.api("admin.server.reload")
    until(lambda: server.workers() and not set(server.workers()) & set(former))
    for path in ("/open", "/ask"):
        assert curl(server, path)[0] == 403, "it may be any service"
    assert curl(server, "/orders", *as_user("olga"))[0] == 403
    status, problem = curl(server, "/back", *as_user("app"))
    assert (status, problem["detail"]) == (403, "the account is switched off")
    assert server.api("admin.server.status"), "the user admin may as before"
    server.api("admin.role.delete", name="buyer")
    server.api("admin.account.edit", name="shop", credentials=["app-key"])
    assert curl(server, "/open")[0] == 200
    assert curl(server, "/orders", *as_user("app"))[0] == 200


def test_export_plan_apply(server: RunningServer):
    server.api("admin.role.create", name="buyer", services=["rates.*"])
    server.api("admin.account.create", name="bob", credentials=["bob"], roles=["buyer"])
    document = server.api("admin.config.export")
    assert document["role"] == {"role": {"buyer": {"services": ["rates.*"]}}}
    assert document["account"] == {"account": {"bob": {"credentials": ["bob"], "roles": ["buyer"]}}}
    server.api("admin.account.delete", name="bob")
    server.api("admin.role.delete", name="buyer")
    steps = server.api("admin.config.plan", config=document)["changes"]
    assert [(step["action"], step["kind"], step["name"]) for step in steps] == [
        ("create", "account", "bob"),
        ("create", "role", "buyer"),
    ]
    server.api("admin.config.apply", config=document)
    assert server.api("admin.config.export") == document


@pytest.fixture(scope="session")
def until() -> Callable[..., Any]:
    from hansa_devkit.harness.waiting import wait_until

    return wait_until
