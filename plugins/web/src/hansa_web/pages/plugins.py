"""The plugins: which are installed, why one does not run, what each registers."""

from __future__ import annotations

from ..api import ApiError
from ..language.texts import gettext, gettext_noop, ngettext
from ..page import Context, Outcome, Page, Redirect
from ..visit import Visit


def show(visit: Visit) -> Context:
    """Return the plugins."""
    found = visit.call("admin.plugin.list")
    text = visit.query.get("filter").lower()
    return {"rows": [one for one in found["items"] if text in one["name"].lower()]}


def show_plugin(visit: Visit) -> Context:
    """Return one plugin, with its types and services."""
    name = visit.parts["name"]
    for one in visit.call("admin.plugin.list")["items"]:
        if one["name"] == name:
            return {"title": name, "found": one}
    raise ApiError(
        404,
        {
            "title": gettext("Not found"),
            "detail": gettext("there is no plugin %(name)s", name=name),
        },
    )


def act(visit: Visit) -> Outcome:
    """Reload, block or unblock a plugin."""
    name = visit.parts["name"]
    action = visit.form.get("action")
    if action == "reload":
        done = visit.call("admin.plugin.reload", name=name)
    elif action in ("block", "unblock"):
        done = visit.call("admin.plugin.block", name=name, blocked=action == "block")
    else:
        raise ApiError(422, {"detail": gettext("there is no action %(action)s", action=action)})
    notice = ngettext(
        "%(name)s is to be %(wanted)s; %(num)s worker is being replaced.",
        "%(name)s is to be %(wanted)s; %(num)s workers are being replaced.",
        len(done["workers"]),
        name=name,
        wanted=done["wanted"],
    )
    return Redirect(visit.path("plugins", name), notice)


PAGES = (
    Page(
        path="/plugins",
        title=gettext_noop("Plugins"),
        template="plugins.html",
        group="System",
        services=("admin.plugin.list",),
        show=show,
    ),
    Page(
        path="/plugins/{name}",
        title=gettext_noop("Plugin"),
        template="plugin.html",
        services=("admin.plugin.list", "admin.plugin.reload", "admin.plugin.block"),
        show=show_plugin,
        act=act,
    ),
)
