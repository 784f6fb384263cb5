"""Deploy: sources that are uploaded or pasted become new versions, all of them or none."""

from __future__ import annotations

from ..api import ApiError, JsonObject
from ..language.texts import gettext, gettext_noop
from ..page import Context, Outcome, Page, Redirect, Shown
from ..visit import Visit
from .opening import address_of, back_with

NEARBY = 6
"""Lines shown before and after the one that a traceback names."""
MOST_PACKAGES = 50
"""Files that are listed below the form."""
MOST_SERVICES = 10
"""Services of a file that are named there."""


def show(visit: Visit) -> Context:
    """Return the form; with a service, it has the source of its file, and with a line of a file the
    lines around that.
    """
    service = visit.query.get("service")
    file = text = ""
    lines: list[tuple[int, str]] = []
    if service:
        sources = visit.call("admin.service.source", file=service)
        file = sources["file"]
        files = sources["files"]
        if len(files) == 1:
            text = next(iter(files.values()))
        path = visit.query.get("path")
        lines = around(files.get(path, ""), visit.query.number("line", 0))
    return {**_context(visit, file=file, text=text), "lines": lines}


def around(source: str, line: int) -> list[tuple[int, str]]:
    """Return the lines around one of a source, each with its number; none if it has no such line."""
    texts = source.split("\n")
    if not 1 <= line <= len(texts):
        return []
    first = max(1, line - NEARBY)
    return list(enumerate(texts[first - 1 : line + NEARBY], first))


def way_back(visit: Visit) -> str:
    """Return the page of failed messages that the visit comes from; nothing if it does not."""
    back = visit.query.get("back")
    return back if back.startswith(visit.path("failed") + "/") else ""


def _context(
    visit: Visit, *, file: str = "", text: str = "", error: ApiError | None = None
) -> Context:
    packages = visit.call("admin.service.packages", limit=MOST_PACKAGES)
    return {
        "packages": packages["items"],
        "more": packages["total"] - len(packages["items"]),
        "most_services": MOST_SERVICES,
        "file": file,
        "text": text,
        "error": error,
        "back": way_back(visit),
        "here": address_of(visit, "deploy", back=way_back(visit)),
        "line": visit.query.number("line", 0),
        "path": visit.query.get("path"),
    }


def deploy(visit: Visit) -> Outcome:
    """Deploy what was given; a refusal is shown above the source."""
    files = uploaded(visit)
    file = visit.form.get("file").strip()
    text = visit.form.get("source").replace("\r\n", "\n")
    if file and text:
        files[file] = text
    if not files:
        error = ApiError(422, {"detail": gettext("Upload a file, or give a name and a source.")})
        return Shown(_context(visit, file=file, text=text, error=error))
    try:
        done = visit.call("admin.service.deploy", files=files)
    except ApiError as error:
        if error.status in (401, 403):
            raise
        return Shown(_context(visit, file=file, text=text, error=error), 422)
    following = way_back(visit) or visit.path("services")
    deployed = Redirect(following, _notice(done), done["revision"])
    # of several services the user says which one is meant
    made = done["services"][0] if len(done["services"]) == 1 else ""
    return back_with(visit, made, deployed)


def uploaded(visit: Visit) -> dict[str, str]:
    """Return the uploaded sources by the names of their files."""
    names = visit.form.all("upload.name")
    return dict(zip(names, visit.form.all("upload"), strict=False))


def _notice(done: JsonObject) -> str:
    packages = ", ".join(
        gettext("%(file)s version %(version)s", file=one["file"], version=one["version"])
        for one in done["packages"]
    )
    services = ", ".join(done["services"]) or gettext("no service")
    notice = gettext(
        "%(packages)s serves, revision %(revision)s: %(services)s.",
        packages=packages,
        revision=done["revision"],
        services=services,
    )
    for one in done["not_running"]:
        notice += " " + gettext("%(name)s could not be loaded by some workers.", name=one["name"])
    return notice


PAGES = (
    Page(
        path="/deploy",
        title=gettext_noop("Deploy"),
        template="deploy.html",
        group="Change",
        services=("admin.service.packages", "admin.service.source", "admin.service.deploy"),
        calls=2,
        show=show,
        act=deploy,
    ),
)
