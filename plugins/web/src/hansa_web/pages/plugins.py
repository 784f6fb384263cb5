"""The plugins: which are installed, why one does not run, what each registers."""

from __future__ import annotations

from ..api import ApiError
from ..page import Context, Outcome, Page, Redirect
from ..rendering import counted
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
    raise ApiError(404, {"title": "Not found", "detail": f"there is no plugin {name}"})


def act(visit: Visit) -> Outcome:
    """Reload, block or unblock a plugin."""
    name = visit.parts["name"]
    action = visit.form.get("action")
    if action == "reload":
        done = visit.call("admin.plugin.reload", name=name)
    elif action in ("block", "unblock"):
        done = visit.call("admin.plugin.block", name=name, blocked=action == "block")
    else:
        raise ApiError(422, {"detail": f"there is no action {action}"})
    workers = counted(len(done["workers"]), "worker is", "workers are")
    notice = f"{name} is to be {done['wanted']}; {workers} being replaced."
    return Redirect(visit.path("plugins", name), notice)


PAGES = (
    Page(
        path="/plugins",
        title="Plugins",
        template="plugins.html",
        group="System",
        services=("admin.plugin.list",),
        show=show,
    ),
    Page(
        path="/plugins/{name}",
        title="Plugin",
        template="plugin.html",
        services=("admin.plugin.list", "admin.plugin.reload", "admin.plugin.block"),
        show=show_plugin,
        act=act,
    ),
)
