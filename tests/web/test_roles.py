"""Who may do what, derived from the rights that services declare and roles have."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from inspect import signature

import pytest
import requests
from hansa import Service
from hansa_admin.rights import right_of
from hansa_devkit import LocalServer
from hansa_devkit.harness.waiting import wait_until
from hansa_roles.builtin import ROLES
from hansa_web.pages import PAGES
from playwright.sync_api import Page

from tests.web.conftest import Site

PASSWORD = "a-password-of-these-tests"
PAYLOAD = "a payload that viewers may not see"
DETAILS = (
    "/services/orders.refuse",
    "/services/orders.refuse/samples",
    "/security/basic/vera",
)
"""Pages besides those of the navigation."""


def rights_of(role: str) -> set[str]:
    """Return the rights of a role that comes with Hansa, with those of its parents."""
    settings = ROLES[role]
    found = set(settings.get("rights", ()))
    for parent in settings.get("parents", ()):
        found |= rights_of(parent)
    return found


def operations() -> dict[str, type[Service]]:
    """Return the admin services of all installed plugins, by name."""
    server = LocalServer()
    found = {}
    for entry in entry_points(group="hansa"):
        declare = getattr(entry.load(), "hansa_services", list)
        given = [server] if "server" in signature(declare).parameters else []
        for service in declare(*given):
            if service.get_name().startswith("admin."):
                found[service.get_name()] = service
    return found


@pytest.fixture(scope="module", params=["viewer", "operator", "developer"])
def role(request: pytest.FixtureRequest, site: Site) -> str:
    """A role, of which there is a user of that name."""
    name: str = request.param
    add_user(site, name, name)
    return name


def add_user(site: Site, name: str, role: str) -> None:
    """Make a user."""
    site.api("admin.security.basic.create", name=name, username=name, password=PASSWORD)
    site.api("admin.account.create", name=name, credentials=[name], roles=[role])


def test_each_service_is_allowed_or_refused_as_declared(site: Site, role: str) -> None:
    granted = rights_of(role)
    wrong = []
    refused = 0
    with requests.Session() as caller:
        caller.auth = (role, PASSWORD)
        for name, service in operations().items():
            right = right_of(service)
            if right is None or (right in granted and right != "view"):
                continue  # it would be carried out
            status = caller.post(f"{site.url}/hansa/api/{name}", json={}, timeout=30).status_code
            refused += status == 403
            if status != 404 and (status == 403) != (right not in granted):
                wrong.append((name, right, status))
    assert wrong == []
    assert refused >= 5


def test_a_viewer_sees_no_payload_and_no_secret(site: Site, page_of: Page) -> None:
    add_user(site, "vera", "viewer")
    site.api("admin.service.invoke", name="orders.ship")

    def has_failed() -> bool:
        return bool(site.api("admin.failed.groups")["items"])

    wait_until(has_failed, 20, "a message has failed")
    (group,) = [
        one for one in site.api("admin.failed.groups")["items"] if one["service"] == "orders.refuse"
    ]
    site.log_in(page_of, "vera", PASSWORD)
    paths = [page.path for page in PAGES if page.group]
    paths += [*DETAILS, f"/failed/groups/{group['group']}", f"/failed/messages/{group['latest']}"]
    seen = 0
    for path in paths:
        answer = page_of.request.get(f"{site.url}{site.path}{path}")
        text = answer.text()
        assert answer.status in (200, 403, 404), (path, answer.status)
        seen += answer.status == 200
        assert PAYLOAD not in text and PASSWORD not in text, path
        assert "$argon2" not in text, path
    assert seen > 10


@pytest.fixture
def page_of(open_page: Callable[..., Page]) -> Page:
    """A page of a browser."""
    return open_page()
