"""The samples of a service: whether it is sampled, the newest and the slowest ones, and each with
its request and its answer.
"""

from __future__ import annotations

import json
import time

from ..api import JsonObject
from ..language.texts import counted, gettext, gettext_noop, ngettext
from ..page import Context, Download, Outcome, Page, Redirect
from ..rendering import pretty
from ..visit import Visit
from .services import head_of

PAGE_SIZE = 50
MINUTE = 60.0
DEFAULT_MINUTES = 60
CONDITIONS = ("why", "channel", "by", "cid")


def show_samples(visit: Visit) -> Context:
    """Return the newest samples of a service, and how it is sampled."""
    return _listed(visit, "samples", "at")


def show_slow(visit: Visit) -> Context:
    """Return the slowest samples of a service."""
    return _listed(visit, "slow", "ms")


def _listed(visit: Visit, tab: str, order: str) -> Context:
    name = visit.parts["name"]
    offset = visit.query.number("offset", 0)
    given = {key: visit.query.get(key) for key in CONDITIONS}
    conditions = {key: value for key, value in given.items() if value}
    asked = {"service": name, "order": order, "offset": offset, "limit": PAGE_SIZE, **conditions}
    panels = visit.panels(
        service=("admin.service.get", {"name": name}),
        samples=("admin.sample.list", asked),
        settings=("admin.sample.settings", {"service": name}),
    )
    if panels["service"].error is not None:
        raise panels["service"].error
    samplings = panels["settings"].data.get("items") or [None]
    return {
        **head_of(visit, panels["service"].data, tab),
        "samples": panels["samples"],
        "sampling": samplings[0],
        "settings": panels["settings"],
        "minutes": DEFAULT_MINUTES,
        "conditions": conditions,
        "offset": offset,
        "size": PAGE_SIZE,
    }


def act_on_samples(visit: Visit) -> Outcome:
    """Switch the samples of a service on or off, or delete all that are kept."""
    name = visit.parts["name"]
    here = visit.path("services", name, "samples")
    action = visit.form.get("action")
    if action == "delete":
        done = visit.send("admin.sample.delete", {"service": name})
        notice = counted(
            done["deleted"], "%(num)s sample is deleted.", "%(num)s samples are deleted."
        )
        return Redirect(here, notice)
    if action == "off":
        visit.send("admin.sample.settings", {"service": name, "off": True})
        return Redirect(here, gettext("%(name)s is not sampled any more.", name=name))
    minutes = visit.form.number("minutes", DEFAULT_MINUTES)
    asked: JsonObject = {
        "service": name,
        "every": visit.form.number("every", 0),
        "errors": "errors" in visit.form,
        "until": time.time() + minutes * MINUTE,
    }
    if visit.form.get("slower_than").strip():
        asked["slower_than"] = visit.form.number("slower_than", 0)
    visit.send("admin.sample.settings", asked)
    notice = ngettext(
        "%(name)s is sampled for %(num)s minute.",
        "%(name)s is sampled for %(num)s minutes.",
        minutes,
        name=name,
    )
    return Redirect(here, notice)


def show_sample(visit: Visit) -> Context:
    """Return one sample, with its messages as they are best read."""
    found = visit.call("admin.sample.get", id=visit.parts["id"])
    messages = [
        (name, found[name], readable(found[name]["text"])) for name in ("request", "answer")
    ]
    return {
        "title": gettext("Sample of %(service)s", service=found["service"]),
        "found": found,
        "messages": messages,
        "here": visit.path("samples", found["id"]),
    }


def readable(text: str) -> str:
    """Return a message with its JSON indented, if it is some."""
    try:
        return pretty(json.loads(text))
    except (ValueError, RecursionError):
        return text


def act_on_sample(visit: Visit) -> Outcome:
    """Delete a sample, or save it as a file."""
    identifier = visit.parts["id"]
    found = visit.call("admin.sample.get", id=identifier)
    if visit.form.get("action") == "delete":
        visit.call("admin.sample.delete", id=identifier)
        return Redirect(
            visit.path("services", found["service"], "samples"), gettext("It is deleted.")
        )
    text = json.dumps(found, indent=2, ensure_ascii=False)
    return Download(f"sample-{identifier}.json", text.encode(), "application/json")


LISTED = ("admin.service.get", "admin.sample.list", "admin.sample.settings", "admin.sample.delete")

PAGES = (
    Page(
        path="/services/{name}/samples",
        title=gettext_noop("Samples"),
        template="service_samples.html",
        services=LISTED,
        calls=3,
        show=show_samples,
        act=act_on_samples,
    ),
    Page(
        path="/services/{name}/slow",
        title=gettext_noop("Slow requests"),
        template="service_samples.html",
        services=LISTED,
        calls=3,
        show=show_slow,
        act=act_on_samples,
    ),
    Page(
        path="/samples/{id}",
        title=gettext_noop("Sample"),
        template="sample.html",
        services=("admin.sample.get", "admin.sample.delete"),
        show=show_sample,
        act=act_on_sample,
    ),
)
