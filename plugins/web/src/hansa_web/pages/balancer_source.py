"""The configuration of the load-balancer as a text: shown, edited, checked, saved, and taken back."""

from __future__ import annotations

import difflib

from ..api import ApiError, JsonObject
from ..language.texts import gettext, gettext_noop
from ..page import Context, Outcome, Page, Redirect, Shown
from ..visit import Visit
from .services import toned

HERE = ("load-balancer", "source")
SOURCE = "admin.loadbalancer.source"
VERSIONS = "admin.loadbalancer.versions"
SAVE = "admin.loadbalancer.save"


def show(visit: Visit) -> Context:
    """Return the configuration and its versions; if the address names one of these, what differs."""
    number = visit.query.number("version", 0)
    asked: dict[str, tuple[str, JsonObject]] = {"present": (SOURCE, {}), "versions": (VERSIONS, {})}
    if number:
        asked["old"] = (SOURCE, {"version": number})
    panels = visit.panels(**asked)
    for name in ("present", "old"):
        if name in panels:
            fault = panels[name].error
            if fault is not None:
                raise fault
    found = panels["present"].data
    difference = []
    if number:
        old = panels["old"].data
        difference = [
            *_difference(found, old, "stored", "config.toml"),
            *_difference(found, old, "template", "template"),
        ]
    return {
        "found": found,
        "stored": found["stored"],
        "template_text": found["template"],
        "seen": found["digest"],
        "versions": panels["versions"].data["items"],
        "versions_error": panels["versions"].fault,
        "number": number,
        "difference": difference,
        "checked": None,
        "error": None,
        "may_save": visit.may(SAVE),
    }


def _difference(
    before: JsonObject, after: JsonObject, part: str, name: str
) -> list[tuple[str, str]]:
    lines = (before[part].splitlines(), after[part].splitlines())
    return toned(difflib.unified_diff(*lines, name, name, lineterm="", n=3))


def act(visit: Visit) -> Outcome:
    """Check or save what was edited, or let a version serve again."""
    action = visit.form.get("action")
    if action == "restore":
        number = visit.form.number("version", 0)
        done = visit.call("admin.loadbalancer.restore", version=number)
        said = gettext("Version %(number)s serves again.", number=number)
        return Redirect(visit.path(*HERE), f"{said} {_how(done['how'])}")
    if action not in ("check", "save"):
        raise ApiError(422, {"detail": gettext("there is no action %(action)s", action=action)})
    context = _as_posted(visit)
    data: JsonObject = {"stored": context["stored"]}
    if context["template_text"] != context["found"]["template"]:
        data["template"] = context["template_text"]
    try:
        if action == "save":
            done = visit.send(SAVE, {**data, "seen": context["seen"]})
            said = gettext("The configuration is saved.")
            return Redirect(visit.path(*HERE), f"{said} {_how(done['how'])}")
        checked = visit.send("admin.loadbalancer.check", data)
    except ApiError as error:
        if error.status in (401, 403):
            raise
        return Shown({**context, "error": error}, 409 if error.status == 409 else 422)
    if checked["faults"]:
        refused = ApiError(422, {"title": gettext("Refused"), "errors": checked["faults"]})
        return Shown({**context, "error": refused})
    shown = {
        "how": _how(checked["how"]),
        "difference": _difference(context["found"], checked, "generated", "haproxy.cfg"),
    }
    return Shown({**context, "checked": shown}, status=200)


def _as_posted(visit: Visit) -> Context:
    """Return the page with the texts that were posted."""
    stored = visit.form.get("stored").replace("\r\n", "\n")
    template = visit.form.get("template").replace("\r\n", "\n")
    context = show(visit)
    return {
        **context,
        "stored": stored,
        "template_text": template or context["template_text"],
        "seen": visit.form.get("seen"),
    }


def again(visit: Visit) -> Shown:
    """Return the page with texts that were posted before and not carried out."""
    return Shown(_as_posted(visit), 200)


def _how(how: str) -> str:
    known = {
        "live": gettext("HAProxy was changed while it ran."),
        "reload": gettext("HAProxy was reloaded; no request is lost."),
    }
    return known.get(how, gettext("Nothing was different."))


PAGES = (
    Page(
        path="/load-balancer/source",
        title=gettext_noop("Configuration of the load-balancer"),
        template="load_balancer_source.html",
        services=(
            SOURCE,
            VERSIONS,
            "admin.loadbalancer.check",
            SAVE,
            "admin.loadbalancer.restore",
        ),
        calls=3,
        show=show,
        act=act,
        again=again,
    ),
)
