"""What the pages show when they are looked at: something for each part of their addresses, nothing,
faults in forms, and calls of the API that fail.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hansa_devkit.harness.api_server import RunningServer
from hansa_devkit.harness.waiting import wait_until
from hansa_web.api import Access, ApiError, JsonObject, Unanswered
from hansa_web.pages import PAGES

SOURCE = """
from hansa import Service


class Weigh(Service):
    def handle(self):
        raise RuntimeError(f"no scale for {self.request.payload['n']}")


class Load(Service):
    def handle(self):
        for number in range(3):
            self.server.invoke_async("shown.weigh", {"n": number}, max_attempts=1)
"""
EMPTY = (
    "/channels?filter=nothing-has-this-name",
    "/services?name=nothing-has-this-name&filter=nothing-has-this-name",
    "/failed?cause=nothing-has-this-cause",
    "/changes?name=nothing-has-this-name",
    "/audit?by=nobody",
    "/dictionaries?filter=nothing-has-this-value",
    "/find?q=nothing-has-this-text",
    "/messages?cid=nothing-has-this-cid",
    "/logs?text=nothing-has-this-text",
    "/no-page",
)
"""Lists whose filter nothing fits, and an address of no page."""
FAULTY: tuple[tuple[str, dict[str, str]], ...] = (
    ("/channel/http/new", {}),
    ("/outgoing/telegraph/new", {}),
    ("/failed/replay?service=shown.weigh", {"rate": "fast"}),
    ("/configuration", {"config": "{"}),
    ("/deploy", {"file": "shown_faulty.py", "source": "import"}),
    ("/redis", {"command": "SET shown 1"}),
)
"""Forms, and what is entered that cannot be accepted."""
REFUSED = (
    "admin.problem.list",
    "admin.statistics.summary",
    "admin.history.list",
    "admin.reference.users",
    "admin.landscape.get",
    "admin.job.runs",
    "admin.log.groups",
    "admin.replay.list",
)
"""Calls whose panel is refused, and the pages that have such panels."""
WITH_REFUSED = (
    "",
    "/jobs",
    "/jobs/shown",
    "/channel/http/shown",
    "/replays",
)
UNANSWERED = ("", "/channels", "/channel/http/shown/edit")


def refuse(service: str, *others: object, **more: object) -> JsonObject:
    """Answer a call as an API that fails does."""
    problem = {"title": "Failed", "detail": f"{service} failed", "cid": "K0", "code": "internal"}
    raise ApiError(500, problem)


def leave_unanswered(*others: object, **more: object) -> JsonObject:
    """Answer no call."""
    raise Unanswered("the cluster tests cannot be reached: nobody listens")


class Refusing:
    """Calls of an API, of which some are refused."""

    def __init__(self, call: Any) -> None:
        self._call = call

    def __call__(
        self, service: str, data: Mapping[str, object] | None, access: Access | None, **more: str
    ) -> JsonObject:
        """Refuse a call, or pass it on."""
        if service in REFUSED:
            return refuse(service)
        answer: JsonObject = self._call(service, data, access, **more)
        return answer


def addresses(server: RunningServer) -> list[str]:
    """Return an address of each page, with something to show; of those that share a template one."""
    failed, group, replay = _failed_messages(server)
    revision = _defined(server)
    parts = {
        "group": group,
        "name": "shown",
        "kind": "channel",
        "type": "http",
        "revision": str(revision),
        "id": failed,
    }
    particular = {
        "/pubsub/{name}": "/pubsub/shown",
        "/statistics/course": "/statistics/course?name=shown.load",
        "/find": "/find?q=http",
        "/failed/replay": "/failed/replay?service=shown.weigh",
        "/failed/delete": "/failed/delete?service=shown.weigh",
        "/replays/{id}": f"/replays/{replay}",
        "/plugins/{name}": "/plugins/http",
        "/{kind}/{type}/new": "/outgoing/telegraph/new",
        "/services/{name}": "/services/shown.load",
        "/services/{name}/source": "/services/shown.load/source",
        "/services/{name}/invoke": "/services/shown.load/invoke",
        "/services/{name}/samples": "/services/shown.load/samples",
        "/services/{name}/slow": "/services/shown.load/slow",
    }
    by_template = {page.template: page.path for page in reversed(PAGES)}
    paths = [page.path for page in PAGES if by_template[page.template] == page.path]
    return [particular.get(path) or path.format(**parts) for path in paths]


def _failed_messages(server: RunningServer) -> tuple[str, str, str]:
    """Have three messages fail, and one of them again; returns the ids of one, of their group, and of
    the replay that waits.
    """
    server.deploy("shown.py", SOURCE)
    server.api("admin.service.invoke", name="shown.load")

    def group() -> Any:
        items = server.api("admin.failed.groups", service="shown.weigh")["items"]
        return items[0]["group"] if items and items[0]["count"] == 3 else None

    wait_until(group, 30, "three messages fail")
    replay = server.api("admin.failed.replay", service="shown.weigh", batch=1)["id"]
    wait_until(
        lambda: server.api("admin.replay.get", id=replay)["failed"] == 1, 30, "one fails again"
    )
    found = wait_until(group, 30, "three messages wait again")
    listed = server.api("admin.failed.list", service="shown.weigh")["items"]
    return str(listed[0]["id"]), str(found), str(replay)


def _defined(server: RunningServer) -> int:
    """Make a channel, a job, a value of a dictionary, a translation and a message that is subscribed
    to; returns the revision.
    """
    server.api(
        "admin.channel.schedule.create",
        name="shown",
        service="shown.load",
        job_type="cron",
        cron="0 4 1 1 *",
    )
    for system, value in (("crm", "EUR"), ("books", "978")):
        server.api("admin.dictionary.create", system=system, key="currency", value=value)
    server.api("admin.topic.create", name="shown", topic="shown")
    server.api("admin.subscription.create", name="shown", topic="shown")
    server.api("admin.pubsub.publish", topic="shown", data=1)
    settings = {"url_path": "/shown", "service": "shown.load", "security": "admin"}
    made = server.api("admin.channel.http.create", name="shown", **settings)
    return int(made["revision"])
