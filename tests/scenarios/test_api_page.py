"""The page of the admin API in a real browser: it shows the services, asks nobody else, and the
description is valid OpenAPI.
"""

from __future__ import annotations

import pytest
from openapi_spec_validator import validate

from tests.chromium import launched, needs_chromium


@pytest.fixture(scope="module")
def server(start_shared_server):
    return start_shared_server(workers=1)


@pytest.fixture(scope="module")
def description(server) -> dict:
    answer = server.get("/hansa/api/openapi.json", auth=("admin", server.password))
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_description_is_valid_and_complete(server, description):
    validate(description)
    described = {path.rpartition("/")[2] for path in description["paths"]}
    listed = {
        item["name"]
        for item in server.api("admin.service.list", limit=1000)["items"]
        if item["name"].startswith("admin.")
    }
    pages = {
        "admin.api",
        "admin.openapi",
        "admin.docs",
        "admin.docs.file",
        "admin.statistics.metrics",
    }  # what serves the API and pages
    assert listed - pages == described
    assert "admin.channel.http.create" in described


@needs_chromium
def test_the_page_shows_every_service_and_asks_nobody_else(server, description):
    asked: list[str] = []
    errors: list[str] = []
    with launched() as browser:
        context = browser.new_context(
            http_credentials={"username": "admin", "password": server.password}
        )
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{server.url}/hansa/api/docs")
        page.locator(".opblock-tag").first.wait_for(timeout=90_000)
        # all at once: after each single click the browser would draw everything anew
        page.locator(".opblock-tag").evaluate_all("groups => groups.forEach(one => one.click())")
        summaries = page.locator(".opblock-summary-path")
        summaries.nth(len(description["paths"]) - 1).wait_for(timeout=90_000)
        shown = page.locator(".swagger-ui").inner_text().replace("\u200b", "")
    assert not errors
    foreign = [url for url in asked if not url.startswith((server.url, "data:", "blob:"))]
    assert not foreign
    missing = [path for path in description["paths"] if path not in shown]
    assert not missing
