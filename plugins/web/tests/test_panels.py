"""A call of the API that fails costs a page the part that needs it, and nothing else."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from functools import partial

import pytest
from hansa_devkit.harness.api_server import RunningServer
from hansa_web.api import Access, ApiError, JsonObject
from hansa_web.pages import PAGES
from hansa_web.rendering import environment

from plugins.web.tests.conftest import CLUSTER, Browser

SOURCE = (
    "from hansa import Service\n\n\nclass Part(Service):\n    def handle(self):\n        return 1\n"
)
PATHS = [
    *(page.path for page in PAGES if page.group),
    "/services/panels.part",
    "/services/panels.part/samples",
    "/services/panels.part/slow",
    "/services/panels.part/source",
    "/services/panels.part/invoke",
    "/channel/http/panels",
    "/channel/http/panels/edit",
    "/channel/http/panels/delete",
    "/channel/http/new",
    "/messages?cid=none",
    "/find?q=panels",
    "/logs?level=ERROR",
    "/statistics/course?name=panels.part",
    "/failed/calls",
    "/jobs/panels",
    "/me",
]
MADE = "made to fail"
WHOLE = {"/services/panels.part/source": 2}
"""Pages that are about the answers of more than one call."""


@pytest.fixture(scope="module", autouse=True)
def defined(server: RunningServer) -> Iterator[None]:
    """A service, a channel and a job to look at."""
    server.deploy("panels.py", SOURCE)
    settings = {"url_path": "/panels", "service": "panels.part", "security": "admin"}
    server.api("admin.channel.http.create", name="panels", **settings)
    planned = {"service": "panels.part", "job_type": "cron", "cron": "0 4 1 1 *"}
    server.api("admin.channel.schedule.create", name="panels", **planned)
    yield
    server.api("admin.channel.schedule.delete", name="panels")


@pytest.mark.parametrize("path", PATHS)
def test_a_call_that_fails_is_said_and_breaks_no_page(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    called: list[int] = []
    failing = -1
    call = browser.api.call

    def failed(
        service: str, data: Mapping[str, object] | None, access: Access | None
    ) -> JsonObject:
        called.append(len(called))
        if called[-1] == failing:
            raise ApiError(500, {"detail": MADE})
        return call(service, data, access)

    address = f"/{CLUSTER}{path}"
    browser.get(address)  # the catalogue of types is asked for once in a while
    monkeypatch.setattr(browser.api, "call", failed)
    if browser.get(address).status_code == 503:
        pytest.skip("a single server has no load-balancer")
    count = len(called)
    statuses = []
    for number in range(count):
        failing = number
        called.clear()
        answer = browser.get(address)
        assert MADE in answer.text, (path, number)
        assert "failed unexpectedly" not in answer.text
        assert answer.text.count("<h1>") == 1
        statuses.append(answer.status_code)
    assert set(statuses) <= {200, 500}
    assert statuses.count(500) <= WHOLE.get(path, 1)


@pytest.mark.parametrize("path", PATHS)
def test_a_session_that_the_api_knows_no_more_leads_to_the_login(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    called: list[object] = []

    def ended(*asked: object) -> JsonObject:
        called.append(asked)
        raise ApiError(401, {"title": "Unauthorized"})

    monkeypatch.setattr(browser.api, "call", ended)
    answer = browser.get(f"/{CLUSTER}{path}")
    if not called:
        assert answer.status_code == 200, answer.text
        return
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"].startswith("/login?")


BALANCED: JsonObject = {
    "name": "server1",
    "address": "127.0.0.1:1",
    "status": "up",
    "state": "ready",
    "check_result": "L7OK",
    "requests": 5,
    "active": 1,
    "failed": 0,
    "weight": 70,
}
BUTTONS = ('value="weight">Set', 'value="remove">Remove', 'value="drain">Drain', "Add a server")


@pytest.mark.parametrize("may", [None, ("admin.loadbalancer.servers", "admin.cluster.status")])
def test_a_load_balancer_whose_statistics_fail(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, may: tuple[str, ...] | None
) -> None:
    call = browser.api.call

    def answered(
        service: str, data: Mapping[str, object] | None, access: Access | None
    ) -> JsonObject:
        if service == "admin.loadbalancer.servers":
            return {"items": [BALANCED]}
        if service == "admin.loadbalancer.statistics":
            raise ApiError(502, {"detail": MADE})
        return call(service, data, access)

    monkeypatch.setattr(browser.api, "call", answered)
    if may is not None:
        permits = partial(Access.permits, Access("vera", "", may))
        monkeypatch.setattr(Access, "permits", lambda self, service: permits(service))
    answer = browser.get(f"/{CLUSTER}/load-balancer")
    assert answer.status_code == 200 and MADE in answer.text and "L7OK" in answer.text
    assert [button in answer.text for button in BUTTONS] == [may is None] * len(BUTTONS)
    servers = browser.get(f"/{CLUSTER}/servers").text
    assert "1 active" in servers
    assert ('value="drain">Drain' in servers, "Restart…" in servers) == (may is None, may is None)


def test_what_an_answer_leaves_out_is_not_a_method_of_a_dictionary() -> None:
    template = environment().from_string('{% for one in found["items"] %}{{ one }}{% endfor %}.')
    assert template.render(found={}) == "."
    assert template.render(found={"items": [1, 2]}) == "12."


def test_a_viewer_is_offered_nothing_that_would_be_refused(
    browser: Browser, server: RunningServer
) -> None:
    password = "a password of a viewer"
    server.api("admin.security.basic.create", name="vera", username="vera", password=password)
    server.api("admin.account.create", name="vera", credentials=["vera"], roles=["viewer"])
    viewer = Browser(server.url)
    assert viewer.log_in(password, "vera").status_code == 303
    links: dict[str, str] = {}
    for path in PATHS:
        answer = viewer.get(f"/{CLUSTER}{path}")
        if answer.status_code != 200:
            assert answer.status_code in (403, 503), (path, answer.text)
            continue
        main = answer.text.partition("<main")[2].partition("</main>")[0]
        for link in re.findall(rf'href="(/{CLUSTER}[^"#]*)', answer.text):
            # one of those that differ in what they name alone
            links[re.sub(r"=[^&]*", "", link)] = html.unescape(link)
        # the CSV of these is a view; and what is on /me is of everybody
        if path != "/me" and not path.startswith(("/statistics", "/map")):
            assert 'method="post"' not in main, path
        main = main.replace(">Replays<", "><")  # the list of those is a view
        for word in ("Deploy…", "New…", "Replay", "Use as input", "Restart…"):
            assert word not in main, (path, word)
    assert [link for link in links.values() if viewer.get(link).status_code == 403] == []
    samples = f"/{CLUSTER}/services/panels.part/samples"
    assert "Delete all samples" not in viewer.get(samples).text
    assert '<button class="first" name="action" value="on">' in browser.get(samples).text
