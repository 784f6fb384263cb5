"""The history of a real server: who changed what, by which service, and the way back; by the admin
API and the command line.
"""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hansa_devkit.harness.api_server import ApiError, RunningServer
from hansa_devkit.harness.waiting import wait_until

from tests.commands import hansa

CONFIG = """
[security.basic.partner]
username = "paula"
password = "a-long-enough-password-of-paula"

[account.account.vera]
roles = ["viewer"]
credentials = ["vera"]

[account.account.dora]
roles = ["developer"]
credentials = ["dora"]

[security.basic.vera]
username = "vera"
password = "the long password of vera"

[security.basic.dora]
username = "dora"
password = "the long password of dora"
"""
SOURCE = """
from hansa import Service


class Get(Service):
    name = "orders.get"

    def handle(self):
        return {answer!r}
"""
ORDERS = {"url_path": "/orders", "service": "orders.get", "format": "json"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    plugins = ["history", "pickup", "roles"]
    running = RunningServer(tmp_path_factory.mktemp("h"), CONFIG, workers=1, plugins=plugins)
    running.start()
    running.deploy("orders.py", SOURCE.format(answer="one"))
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def as_before(server: RunningServer) -> Iterator[None]:
    """Go back to how things were before a test, which is by itself what is tested here."""
    before = server.api("admin.cluster.status")["revision"]
    config = server.api("admin.config.export", services=True)
    yield
    server.api("admin.history.revert", revision=before)
    assert server.api("admin.config.export", services=True) == config


def newest(server: RunningServer, **asked: Any) -> dict[str, Any]:
    found: dict[str, Any] = server.api("admin.history.list", limit=1, **asked)["items"][0]
    return found


def who(revision: dict[str, Any]) -> tuple[str, str]:
    return revision["by"], revision["service"]


def create(server: RunningServer, name: str = "orders", **settings: Any) -> int:
    answer = server.api("admin.channel.http.create", name=name, **{**ORDERS, **settings})
    return int(answer["revision"])


def refusal(server: RunningServer, **asked: Any) -> ApiError:
    with pytest.raises(ApiError) as refused:
        server.api("admin.history.revert", **asked)
    return refused.value


def test_who_changed_what_by_which_way(server: RunningServer) -> None:
    declared = newest(server, kind="security", name="partner")
    assert who(declared) == (server.config.name, "")
    assert {one["name"] for one in declared["subjects"]} == {"partner", "vera", "dora"}
    assert who(newest(server, kind="service")) == ("admin", "admin.service.deploy")
    hansa(
        server, "channel", "http", "create", "shop", "--url-path", "/s", "--service", "orders.get"
    )
    assert who(newest(server, name="shop")) == ("admin", "admin.channel.http.create")
    auth = ("dora", "the long password of dora")
    body = {**ORDERS, "name": "dora's"}
    assert server.post("/hansa/api/admin.channel.http.create", body, auth=auth).ok
    assert who(newest(server, name="dora's")) == ("dora", "admin.channel.http.create")
    source = server.folder / "prices.py"
    source.write_text("PRICE = 1\n")
    shutil.copy(source, server.dir / "pickup")
    wait_until(lambda: server.api("admin.history.list", name="prices.py")["items"])
    assert who(newest(server, name="prices.py")) == ("pickup", "")
    assert newest(server, by="dora")["subjects"] == [
        {"action": "define", "kind": "channel", "type": "http", "name": "dora's"}
    ]


def test_a_page_of_the_list(server: RunningServer) -> None:
    revisions = [create(server), create(server, "other", url_path="/other")]
    page = server.api("admin.history.list", kind="channel", offset=1, limit=1)
    assert [item["revision"] for item in page["items"]] == revisions[:1]
    assert page["total"] >= 2
    since = server.api("admin.history.list", since=page["items"][0]["at"], kind="channel")
    assert {item["revision"] for item in since["items"]} >= set(revisions)
    assert server.api("admin.history.list", until=1.0)["items"] == []


def test_settings_before_and_after(server: RunningServer) -> None:
    create(server)
    edited = server.api("admin.channel.http.edit", name="orders", url_path="/new", method="GET")
    (change,) = server.api("admin.history.get", revision=edited["revision"])["changes"]
    assert change["settings"] == {
        "method": {"old": "", "new": "GET", "secret": False, "change": "changed"},
        "url_path": {"old": "/orders", "new": "/new", "secret": False, "change": "changed"},
    }
    deleted = server.api("admin.channel.http.delete", name="orders")
    (change,) = server.api("admin.history.get", revision=deleted["revision"])["changes"]
    assert change["settings"]["url_path"] == {
        "old": "/new",
        "new": None,
        "secret": False,
        "change": "removed",
    }


def test_secrets_are_compared_and_never_shown(server: RunningServer) -> None:
    secret = "a-secret-that-nobody-sees"
    server.api("admin.security.basic.create", name="crm", username="c", password=secret)
    edited = server.api("admin.security.basic.edit", name="crm", username="d")
    (change,) = server.api("admin.history.get", revision=edited["revision"], everything=True)[
        "changes"
    ]
    assert change["settings"]["password"]["change"] == "same"
    edited = server.api("admin.security.basic.edit", name="crm", password=f"{secret}-2")
    answer = server.api("admin.history.get", revision=edited["revision"])
    (change,) = answer["changes"]
    assert change["settings"] == {
        "password": {"old": "********", "new": "********", "secret": True, "change": "changed"}
    }
    assert secret not in json.dumps(answer)


def test_sources_as_diffs_and_the_version_before_again(server: RunningServer) -> None:
    create(server)
    deployed = server.deploy("orders.py", SOURCE.format(answer="two"))
    (change,) = server.api("admin.history.get", revision=deployed["revision"])["changes"]
    assert change["diff"].splitlines()[:2] == ["--- a/orders.py", "+++ b/orders.py"]
    assert "-        return 'one'\n+        return 'two'\n" in change["diff"]
    assert server.post("/orders").json() == "two"
    done = server.api("admin.history.revert", revision=deployed["revision"], undo=True)
    assert server.post("/orders").json() == "one"
    assert done["not_running"] == []
    (change,) = server.api("admin.history.get", revision=done["revision"])["changes"]
    assert change["action"] == "rollback"
    assert who(newest(server)) == ("admin", "admin.history.revert")


def test_one_definition_goes_back_and_others_stay(server: RunningServer) -> None:
    first = create(server)
    create(server, "other", url_path="/other")
    for name in ("orders", "other"):
        server.api("admin.channel.http.edit", name=name, method="GET")
    subject = {"kind": "channel", "type": "http", "name": "orders"}
    done = server.api("admin.history.revert", revision=first, subjects=[subject])
    assert [change["name"] for change in done["changes"]] == ["orders"]
    assert server.api("admin.channel.http.get", name="orders").get("method", "") == ""
    assert server.api("admin.channel.http.get", name="other")["method"] == "GET"
    # what was not there yet goes
    done = server.api("admin.history.revert", revision=first - 1, subjects=[subject])
    assert [change["action"] for change in done["changes"]] == ["delete"]
    unknown = {"kind": "channel", "type": "http", "name": "nobody"}
    refused = refusal(server, revision=first, subjects=[subject, unknown])
    assert set(refused.problem["errors"]) == {"channel.http.nobody"}


def test_a_service_and_what_uses_it_go_back_together(server: RunningServer) -> None:
    source = SOURCE.format(answer="new").replace("orders.get", "prices.get")
    config = {
        "services": {"shop_prices.py": source},
        "channel": {"http": {"prices": {"url_path": "/prices", "service": "prices.get"}}},
    }
    applied = server.api("admin.config.apply", config=config)
    assert server.post("/prices").text == "new"
    done = server.api("admin.history.revert", revision=applied["revision"], undo=True)
    assert [(change["action"], change["name"]) for change in done["changes"]] == [
        ("delete", "prices"),
        ("delete", "shop_prices.py"),
    ]
    assert done["revision"] == applied["revision"] + 1
    again = server.api("admin.history.revert", revision=done["revision"], undo=True)
    assert again["revision"] == done["revision"] + 1
    assert server.post("/prices").text == "new"


def test_no_request_is_lost_on_the_way(server: RunningServer) -> None:
    """The service of a channel goes away with its file, and another comes, back and forth."""
    revisions = []
    for name in ("here", "there"):
        source = SOURCE.format(answer=name).replace("orders.get", f"{name}.get")
        before = server.api("admin.config.export", services=True)
        services = {file: text for file, text in before["services"].items() if file == "orders.py"}
        before["services"] = {**services, f"{name}.py": source}
        channel = {"url_path": "/moving", "service": f"{name}.get", "format": "json"}
        before.setdefault("channel", {}).setdefault("http", {})["moving"] = channel
        applied = server.api("admin.config.apply", config=before, prune=True)
        revisions.append(applied["revision"])
    answers = []
    ended = threading.Event()

    def ask() -> None:
        while not ended.is_set():
            answers.append(server.post("/moving").text)

    asking = threading.Thread(target=ask)
    asking.start()
    for revision in revisions * 2:
        done = server.api("admin.history.revert", revision=revision)
        assert {change["action"] for change in done["changes"]} <= {"create", "edit", "delete"}
    ended.set()
    asking.join()
    assert set(answers) == {'"here"', '"there"'}


def test_all_that_speaks_against_it_is_said_at_once(server: RunningServer) -> None:
    create(server)
    create(server, "other", url_path="/other", security=["partner"])
    before = server.api("admin.cluster.status")["revision"]
    for name in ("orders", "other"):
        server.api("admin.channel.http.delete", name=name)
    server.api("admin.security.basic.delete", name="partner")
    server.api("admin.service.delete", name="orders.get")
    subjects = [{"kind": "channel", "type": "http", "name": name} for name in ("orders", "other")]
    refused = refusal(server, revision=before, subjects=subjects, plan=True)
    assert refused.status == 400
    assert set(refused.problem["errors"]) == {
        "channel.http.orders.service",
        "channel.http.other.service",
        "channel.http.other.security",
    }


def test_what_somebody_else_has_changed_since_is_not_overwritten(server: RunningServer) -> None:
    first = create(server)
    server.api("admin.channel.http.edit", name="orders", method="GET")
    planned = server.api("admin.history.revert", revision=first, plan=True)
    server.api("admin.channel.http.edit", name="orders", method="PUT")
    refused = refusal(server, revision=first, seen_revision=planned["seen_revision"])
    assert refused.status == 409
    assert "channel http 'orders' at revision" in refused.problem["detail"]
    assert server.api("admin.channel.http.get", name="orders")["method"] == "PUT"
    # what is in no step may have been changed
    create(server, "other", url_path="/other")
    subject = {"kind": "channel", "type": "http", "name": "orders"}
    seen = server.api("admin.history.revert", revision=first, subjects=[subject], plan=True)
    server.api("admin.channel.http.edit", name="other", method="PUT")
    seen_revision = seen["seen_revision"]
    server.api(
        "admin.history.revert", revision=first, subjects=[subject], seen_revision=seen_revision
    )


def test_what_cannot_be_gone_back_to(server: RunningServer) -> None:
    newest_revision = server.api("admin.cluster.status")["revision"]
    assert "revision" in refusal(server, revision=newest_revision + 1).problem["errors"]
    assert "revision" in refusal(server, revision=0, undo=True).problem["errors"]
    with pytest.raises(ApiError) as refused:
        server.api("admin.history.get", revision=newest_revision + 1)
    assert refused.value.status == 404


def test_reverting_needs_what_the_edit_would_need(server: RunningServer) -> None:
    vera = ("vera", "the long password of vera")
    dora = ("dora", "the long password of dora")
    first = create(server)
    server.api("admin.channel.http.edit", name="orders", method="GET")
    server.api("admin.account.edit", name="vera", roles=["operator"])
    path = "/hansa/api/admin.history"
    assert server.post(f"{path}.list", {}, auth=vera).ok
    assert server.post(f"{path}.get", {"revision": first}, auth=vera).ok
    subject = {"kind": "channel", "type": "http", "name": "orders"}
    one = {"revision": first, "subjects": [subject]}
    assert server.post(f"{path}.revert", one, auth=vera).status_code == 403
    # dora may change channels, and not accounts
    refused = server.post(f"{path}.revert", {"revision": first}, auth=dora)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert server.post(f"{path}.revert", one, auth=dora).ok
    assert who(newest(server)) == ("dora", "admin.history.revert")


def test_commands(server: RunningServer) -> None:
    first = create(server)
    server.api("admin.channel.http.edit", name="orders", method="GET")
    listed = hansa(server, "history", "list", "--object", "channel", "http", "orders").stdout
    assert "define channel http orders" in listed
    assert "admin.channel.http.edit" in listed
    shown = hansa(server, "history", "show", str(first + 1)).stdout
    assert "method: nothing -> GET" in shown
    assert json.loads(hansa(server, "history", "show", str(first), "--json").stdout)["total"] == 1
    planned = hansa(server, "history", "revert", str(first), "--plan").stdout
    assert "~ edit channel http orders" in planned
    assert server.api("admin.channel.http.get", name="orders")["method"] == "GET"
    done = server.cli("history", "revert", str(first)).stdout
    assert f"reverted, revision {first + 2}" in done
    assert f"hansa history revert --undo {first + 2} takes it back" in done
    hansa(server, "history", "revert", "--undo", str(first + 2))
    assert server.api("admin.channel.http.get", name="orders")["method"] == "GET"
    assert "nothing to revert" in hansa(server, "history", "revert", str(first + 1)).stdout
