"""Every page of the table: what it costs, and that it shows what the API says."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Semaphore
from types import SimpleNamespace
from typing import Any

import pytest
from hansa_cli.location import Trust
from hansa_devkit.harness.api_server import RunningServer
from hansa_web import recent
from hansa_web.api import Access, Appearance, ClusterApi, JsonObject
from hansa_web.connection import Destination
from hansa_web.page import GROUPS
from hansa_web.pages import PAGES
from hansa_web.recent import RecentAnswers
from hansa_web.rendering import environment, render, static

from plugins.web.tests.conftest import CLUSTER, Browser

SHOWN = [page for page in PAGES if page.group]
WITHOUT = {"Load-balancer"}
"""What a single server does not have."""


@pytest.mark.parametrize("page", SHOWN, ids=[page.title for page in SHOWN])
def test_a_page_keeps_to_its_budget(browser: Browser, page) -> None:
    path = f"/{CLUSTER}{page.path}"
    browser.get(path)  # the catalogue of types is asked for once in a while
    answer = browser.get(path)
    if page.title in WITHOUT:
        assert answer.status_code == 503 and "no load-balancer" in answer.text
        return
    assert answer.status_code == 200, answer.text
    assert int(answer.headers["x-admin-calls"]) <= page.calls
    assert len(answer.text) < 60_000
    assert answer.text.count("<h1>") == 1
    assert f'aria-current="page">{page.title}</a>' in answer.text


def test_what_a_page_calls_exists(server: RunningServer) -> None:
    found = server.api("admin.service.list", limit=10_000)["items"]
    known = {one["name"] for one in found}
    named = {service for page in PAGES for service in page.services}
    assert {name for name in named if "*" not in name and "{" not in name} - known == set()
    assert {page.group for page in PAGES} == {*GROUPS, ""}


def test_a_cluster_without_a_label_is_named_once(browser: Browser) -> None:
    browser.api.appearance = Appearance(CLUSTER)
    page = browser.get(f"/{CLUSTER}/configuration").text
    assert f'<div class="band grey"><strong>{CLUSTER}</strong></div>' in page
    assert f"<footer>{CLUSTER} · times are UTC" in page


def test_figures_of_the_queue_have_words_and_units() -> None:
    source = '{% from "macros.html" import queue_figures %}{{ queue_figures(queue) }}'
    template = environment().from_string(source)
    queue = {"queued": 3, "running": 1, "oldest": 125.0, "max_queued": 100_000}
    text = template.render(queue=queue)
    assert "<dd>3 <small>of at most 100,000</small></dd>" in text and "<dd>2 min</dd>" in text
    assert "max queued" not in text
    assert "–" in template.render(queue={**queue, "queued": 0, "oldest": 0.0})
    assert "no Redis" in template.render(queue={"error": "no Redis"})


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 messages wait"), (1, "1 message waits"), (2000, "2,000 messages wait")],
)
def test_one_of_many_is_said_so(count: int, words: str) -> None:
    source = '{{ counted(count, "%(num)s message waits", "%(num)s messages wait") }}'
    assert environment().from_string(source).render(count=count) == words


def test_an_unchanged_page_is_not_sent_again(browser: Browser) -> None:
    path = f"/{CLUSTER}/configuration"
    browser.get(path)
    etag = browser.get(path).headers["etag"]
    assert browser.get(path, **{"If-None-Match": etag}).status_code == 304
    assert browser.get(path, **{"If-None-Match": '"other"'}).status_code == 200


def test_what_browsers_load_is_small() -> None:
    assert len(static("web.css")) <= 28_000
    module = static("web.js")
    assert len(module) <= 14_000 and module.count(b"\n") <= 300
    assert b"http://" not in module and b"https://" not in module


def test_a_configuration_is_exported_planned_and_applied(
    browser: Browser, server: RunningServer
) -> None:
    path = f"/{CLUSTER}/configuration"
    browser.get(path)
    exported = browser.post(path, {"action": "export"})
    assert exported.headers["content-disposition"] == 'attachment; filename="tests.json"'
    config = json.loads(exported.text)
    settings = {"url_path": "/planned", "service": "admin.service.list", "security": "admin"}
    config.setdefault("channel", {}).setdefault("http", {})["planned"] = settings
    fields = {"config": json.dumps(config), "action": "plan"}
    planned = browser.post(path, fields)
    assert planned.status_code == 200 and "1 change; " in planned.text
    assert browser.get(f"/{CLUSTER}/channel/http/planned").status_code == 404
    assert browser.post(path, {**fields, "action": "apply"}).status_code == 303
    assert browser.get(f"/{CLUSTER}/channel/http/planned").status_code == 200
    refused = browser.post(path, {"config": "[channel", "action": "plan"})
    assert refused.status_code == 422 and "cannot be read" in refused.text


def test_a_plugin_and_its_actions(browser: Browser) -> None:
    page = browser.get(f"/{CLUSTER}/plugins/http")
    assert "channel http" in page.text
    path = f"/{CLUSTER}/plugins/http"
    answer = browser.post(path, {"action": "block"})
    assert answer.status_code == 409 and "admin API does not answer" in answer.text
    assert browser.get(f"/{CLUSTER}/plugins/none").status_code == 404


def test_caches_and_what_topics_and_subscriptions_hold(
    browser: Browser, server: RunningServer
) -> None:
    server.api("admin.data.cache.create", name="rates-é", max_items=20)
    server.api("admin.cache.set", cache="rates-é", key="USD", value=1)
    page = browser.get(f"/{CLUSTER}/caches").text
    assert f'<a href="/{CLUSTER}/data/cache/rates-%C3%A9">rates-é</a>' in page
    assert "1 of at most 20" in page
    # it is there without a definition
    assert '<th scope="row">default</th>' in page
    server.api("admin.topic.create", name="orders", topic="orders.<new>")
    server.api("admin.subscription.create", name="billing-é", topic="orders.<new>")
    id = server.api("admin.pubsub.publish", topic="orders.<new>", data={"secret": 1})["id"]
    page = browser.get(f"/{CLUSTER}/pubsub").text
    assert '<th scope="row">orders.&lt;new&gt;</th><td class="number">1</td>' in page
    path = f"/{CLUSTER}/pubsub/billing-%C3%A9"
    assert f'<a href="{path}">billing-é</a>' in page
    page = browser.get(path).text
    assert id in page and "1–1 of 1" in page and "secret" not in page
    for name in ("orders", "billing-é"):
        kind = "topic" if name == "orders" else "subscription"
        assert name in browser.get(f"/{CLUSTER}/{kind}").text
    assert browser.get(f"/{CLUSTER}/pubsub/none").status_code == 404


def test_the_documentation_lists_every_page_of_the_navigation() -> None:
    text = (Path(__file__).parents[3] / "docs/web-admin.md").read_text()
    for page in SHOWN:
        assert page.title in text and f"`{page.path or '/'}`" in text, page.title


def test_polls_of_many_browsers_cost_one_call_a_second(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser.get(f"/{CLUSTER}/queue")
    called: list[str] = []
    call = browser.api.call

    def counted(service, data, access):
        called.append(service)
        return call(service, data, access)

    monkeypatch.setattr(browser.api, "call", counted)
    for _ in range(5):
        assert browser.get(f"/{CLUSTER}/queue", **{"X-Live": "1"}).status_code == 200
    assert called.count("admin.queue.status") == 1
    for _ in range(2):
        browser.get(f"/{CLUSTER}/queue")
    assert called.count("admin.queue.status") == 3


def test_a_poll_with_the_same_answers_is_not_drawn_again(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/{CLUSTER}/problems"
    browser.get(path)
    first = browser.get(path, **{"X-Live": "1"})
    drawn: list[str] = []

    def counted(template, **context):
        drawn.append(template)
        return render(template, **context)

    monkeypatch.setattr("hansa_web.page_resource.render", counted)
    for etag, status in ((first.headers["etag"], 304), ('"other"', 200)):
        polled = browser.get(path, **{"X-Live": "1", "If-None-Match": etag})
        assert polled.status_code == status
        assert drawn == []


def test_polls_of_the_dashboard_ask_for_what_changes_slowly_every_15_seconds(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(recent, "time", SimpleNamespace(monotonic=lambda: now[0]))
    asked: list[str] = []
    call = browser.api.call

    def counted(service: str, *others: Any, **more: Any) -> JsonObject:
        asked.append(service)
        return call(service, *others, **more)

    monkeypatch.setattr(browser.api, "call", counted)
    polled = []
    for _ in range(6):
        asked.clear()
        assert browser.get(f"/{CLUSTER}", **{"X-Live": "1"}).status_code == 200
        polled.append({one for one in asked if one.startswith("admin.")})
        now[0] += 3
    often = {"admin.cluster.status", "admin.problem.list"}
    seldom = {"admin.statistics.summary", "admin.history.list"}
    assert polled == [often | seldom, *[often] * 4, often | seldom]


def test_who_asks_the_same_at_the_same_time_is_answered_by_one_call() -> None:
    called = Semaphore(0)
    may_answer = Event()

    class SlowApi(ClusterApi):
        def call(self, *_: object, **__: object) -> JsonObject:
            called.release()
            assert may_answer.wait(10)
            return {"answer": 1}

    answers_of = RecentAnswers(SlowApi(Destination(CLUSTER, list, Trust)))
    access = Access("ada", "Bearer a")
    with ThreadPoolExecutor(8) as threads:
        answers = [threads.submit(answers_of.call, "admin.me", {}, access) for _ in range(8)]
        assert called.acquire(timeout=10)
        may_answer.set()
        assert {id(one.result(10)) for one in answers} == {id(answers[0].result())}
    assert not called.acquire(blocking=False)
