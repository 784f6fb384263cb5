"""The WSDL of a service, a SOAP channel or an outgoing SOAP connection: shown, uploaded, downloaded."""

from __future__ import annotations

from ..api import ApiError, JsonObject
from ..language.texts import gettext, gettext_noop
from ..page import Context, Download, Outcome, Page, Redirect, Shown
from ..source_view import highlighted
from ..visit import Visit
from .services import head_of

GET = "admin.wsdl.get"
SET = "admin.wsdl.set"
DELETE = "admin.wsdl.delete"
KINDS = ("channel", "outgoing")
ORIGINS = {
    "derived": gettext_noop("derived from services"),
    "uploaded": gettext_noop("uploaded"),
    "fetched": gettext_noop("fetched from the other side"),
    "file": gettext_noop("a file of the server"),
}
"""Where a document comes from, in words."""


def show_service(visit: Visit) -> Context:
    """Return the WSDL of a service."""
    name = visit.parts["name"]
    found = visit.call("admin.service.get", name=name)
    return {**head_of(visit, found, "wsdl"), **_shown(visit, {"service": name})}


def show_definition(visit: Visit) -> Context:
    """Return the WSDL of a channel or an outgoing connection."""
    kind, name = visit.parts["kind"], visit.parts["name"]
    if kind not in KINDS:
        detail = gettext("there is no page %(path)s", path=visit.path("wsdl", kind, name))
        raise ApiError(404, {"title": gettext("Not found"), "detail": detail})
    subject = {"kind": kind, "name": name}
    trail = visit.path(kind, "soap", name)
    return {"title": f"WSDL {name}", "name": name, "trail": trail, **_shown(visit, subject)}


def _shown(visit: Visit, subject: JsonObject, text: str = "") -> Context:
    document = None
    error = None
    try:
        document = visit.send(GET, subject)
    except ApiError as failed:
        is_outgoing = subject.get("kind") == "outgoing"
        if failed.status in (401, 403) or (failed.status == 404 and not is_outgoing):
            raise
        error = failed  # a connection without one, or with one that cannot be fetched, can get one
    source = highlighted("service.wsdl.xml", document["text"]) if document else None
    return {
        "document": document,
        "origins": ORIGINS,
        "source": source,
        "missing": error,
        "refusal": None,
        "text": text,
    }


def act_on_service(visit: Visit) -> Outcome:
    """Download, upload or forget the WSDL of a service."""
    name = visit.parts["name"]
    return _act(visit, {"service": name}, visit.path("services", name, "wsdl"))


def act_on_definition(visit: Visit) -> Outcome:
    """Download, upload or forget the WSDL of a channel or an outgoing connection."""
    kind, name = visit.parts["kind"], visit.parts["name"]
    return _act(visit, {"kind": kind, "name": name}, visit.path("wsdl", kind, name))


def _act(visit: Visit, subject: JsonObject, here: str) -> Outcome:
    action = visit.form.get("action")
    if action == "download":
        found = visit.send(GET, {**subject, "address": visit.form.get("address").strip()})
        return Download(found["file"], found["text"].encode(), "application/wsdl+xml")
    if action == "delete":
        done = visit.send(DELETE, subject)
        return Redirect(here, gettext("The uploaded WSDL is forgotten."), done["revision"])
    if action != "upload":
        raise ApiError(422, {"detail": gettext("there is no action %(action)s", action=action)})
    text = visit.form.get("file") or visit.form.get("text").replace("\r\n", "\n")
    try:
        done = visit.send(SET, {**subject, "text": text})
    except ApiError as error:
        if error.status in (401, 403):
            raise
        is_service = "service" in subject
        context = show_service(visit) if is_service else show_definition(visit)
        return Shown({**context, "refusal": error, "text": text}, 422)
    return Redirect(here, gettext("The WSDL is uploaded."), done["revision"])


PAGES = (
    Page(
        path="/services/{name}/wsdl",
        title=gettext_noop("WSDL"),
        template="service_wsdl.html",
        services=("admin.service.get", GET, SET, DELETE),
        calls=2,
        show=show_service,
        act=act_on_service,
    ),
    Page(
        path="/wsdl/{kind}/{name}",
        title=gettext_noop("WSDL"),
        template="wsdl.html",
        services=(GET, SET, DELETE),
        calls=1,
        show=show_definition,
        act=act_on_definition,
    ),
)
