"""The whole configuration: export, and upload → plan → apply."""

from __future__ import annotations

import json
import tomllib

from ..api import ApiError, JsonObject
from ..language.texts import gettext, gettext_noop, ngettext
from ..page import Context, Download, Outcome, Page, Redirect, Shown
from ..typed import typed_fault
from ..visit import Visit


def show(visit: Visit) -> Context:
    """Return the forms."""
    return _context("")


def _context(
    text: str, plan: JsonObject | None = None, error: ApiError | None = None, *, prune: bool = False
) -> Context:
    return {"text": text, "plan": plan, "error": error, "prune": prune}


def act(visit: Visit) -> Outcome:
    """Export, plan, or apply what was planned."""
    action = visit.form.get("action")
    if action == "export":
        return _export(visit)
    text = (visit.form.get("upload") or visit.form.get("config")).replace("\r\n", "\n")
    prune = visit.form.get("prune") == "yes"
    try:
        data: JsonObject = {"config": read(text), "prune": prune}
        if action != "apply":
            plan = visit.send("admin.config.plan", data)
            return Shown(_context(text, plan, prune=prune), status=200)
        fault = typed_fault(visit, visit.cluster) if prune else ""
        if fault:
            raise ApiError(422, {"detail": fault})
        done = visit.send("admin.config.apply", data)
    except ApiError as error:
        if error.status in (401, 403):
            raise
        return Shown(_context(text, error=error, prune=prune), 422)
    notice = ngettext(
        "%(num)s change is applied, revision %(revision)s.",
        "%(num)s changes are applied, revision %(revision)s.",
        len(done["changes"]),
        revision=done["revision"],
    )
    if done["not_running"]:
        notice += " " + gettext("%(count)s of them do not run.", count=len(done["not_running"]))
    return Redirect(visit.path("configuration"), notice, done["revision"])


def read(text: str) -> JsonObject:
    """Return a configuration in JSON or TOML; raises `ApiError` for what is neither."""
    try:
        is_json = text.lstrip().startswith("{")
        found = json.loads(text) if is_json else tomllib.loads(text)
    except ValueError as error:
        detail = gettext("the configuration cannot be read: %(error)s", error=error)
        raise ApiError(422, {"detail": detail}) from None
    if not found:
        raise ApiError(422, {"detail": gettext("upload a configuration, or paste one")})
    assert isinstance(found, dict)
    return found


def _export(visit: Visit) -> Download:
    data = {
        "services": visit.form.get("services") == "yes",
        "secrets": "env" if visit.form.get("secrets") == "env" else "encrypted",
    }
    found = visit.send("admin.config.export", data)
    text = json.dumps(found, indent=2, ensure_ascii=False) + "\n"
    return Download(f"{visit.cluster}.json", text.encode(), "application/json")


PAGES = (
    Page(
        path="/configuration",
        title=gettext_noop("Configuration"),
        template="configuration.html",
        group="Change",
        services=("admin.config.export", "admin.config.plan", "admin.config.apply"),
        calls=0,
        show=show,
        act=act,
    ),
)
