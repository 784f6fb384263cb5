"""The servers as they tell and as the load-balancer sees them, and the load-balancer itself."""

from __future__ import annotations

from ..api import ApiError, JsonObject
from ..language.texts import gettext, gettext_noop
from ..page import Context, Outcome, Page, Redirect, Shown
from ..visit import Visit

STATES = ("ready", "drain", "maint")


def show(visit: Visit) -> Context:
    """Return the servers, each with its state in the load-balancer."""
    panels = visit.panels(
        status=("admin.cluster.status", {}), balancer=("admin.loadbalancer.servers", {})
    )
    if panels["status"].error is not None:
        raise panels["status"].error
    balanced = {one["name"]: one for one in panels["balancer"].data.get("items", ())}
    status = panels["status"].data
    return {
        "status": status,
        "rows": [{**one, "balanced": balanced.get(one["name"])} for one in status["servers"]],
        "error": panels["balancer"].error,
    }


def act(visit: Visit) -> Outcome:
    """Change a server's state in the load-balancer, or replace the workers of the one that answers."""
    name = visit.form.get("name")
    action = visit.form.get("action")
    here = visit.path("servers")
    if action in STATES:
        done = visit.send(f"admin.loadbalancer.{action}", {"name": name})
        how = f" ({done['how']})" if done["how"] else ""
        return Redirect(here, f"{name}: {action}{how}.")
    if action == "reload":
        done = visit.call("admin.server.reload")
        return Redirect(
            here,
            gettext("Workers are being replaced: %(workers)s.", workers=", ".join(done["workers"])),
        )
    raise ApiError(422, {"detail": gettext("there is no action %(action)s", action=action)})


def show_restart(visit: Visit) -> Context:
    """Return what a restart will touch."""
    status = visit.call("admin.cluster.status")
    name = visit.parts["name"]
    found = next((one for one in status["servers"] if one["name"] == name), None)
    if found is None:
        raise ApiError(
            404,
            {
                "title": gettext("Not found"),
                "detail": gettext("there is no server %(name)s", name=name),
            },
        )
    others = [one for one in status["servers"] if one["name"] != name and one["state"] == "ready"]
    return {"title": gettext("Restart %(name)s", name=name), "found": found, "others": others}


def restart(visit: Visit) -> Outcome:
    """Restart a server."""
    done = visit.call("admin.cluster.restart", name=visit.parts["name"])
    return Redirect(
        visit.path("servers"), gettext("%(name)s is being restarted.", name=done["name"])
    )


# -- the load-balancer -----------------------------------------------------------------------------


def show_balancer(visit: Visit) -> Context:
    """Return the servers and weights, and the statistics of HAProxy."""
    panels = visit.panels(
        servers=("admin.loadbalancer.servers", {}),
        statistics=("admin.loadbalancer.statistics", {}),
    )
    if panels["servers"].error is not None:
        raise panels["servers"].error
    return {
        "rows": panels["servers"].data["items"],
        "statistics": panels["statistics"].data.get("items", []),
        "error": panels["statistics"].error,
        "fault": "",
        "command": "",
        "answer": None,
    }


def act_on_balancer(visit: Visit) -> Outcome:
    """Add or remove a server, change its weight or state, reload HAProxy, or show what it answers to
    a command.
    """
    action = visit.form.get("action")
    if action == "command":
        return _asked(visit)
    name = visit.form.get("name").strip()
    data: JsonObject = {"name": name}
    if action in ("add", "weight"):
        data["weight"] = visit.form.number("weight", 100)
    if action == "add":
        data["address"] = visit.form.get("address").strip()
    if action not in (*STATES, "add", "remove", "weight", "reload"):
        raise ApiError(422, {"detail": gettext("there is no action %(action)s", action=action)})
    try:
        visit.send(f"admin.loadbalancer.{action}", {} if action == "reload" else data)
    except ApiError as error:
        return _refused(visit, error)
    done = f"{action} {name}".strip()
    return Redirect(visit.path("load-balancer"), gettext("%(action)s: done.", action=done))


def _asked(visit: Visit) -> Outcome:
    """Show what HAProxy answers to a command that changes nothing."""
    command = visit.form.get("command").strip()
    try:
        found = visit.call("admin.loadbalancer.command", command=command)
    except ApiError as error:
        return _refused(visit, error)
    shown = {**show_balancer(visit), "command": command, "answer": found["answer"]}
    return Shown(shown, 200)


def _refused(visit: Visit, error: ApiError) -> Shown:
    if error.status in (401, 403):
        raise error
    faults = [f"{key}: {fault}" for key, fault in error.errors.items()]
    context = {**show_balancer(visit), "fault": "; ".join(faults) or str(error)}
    return Shown(
        {**context, "command": visit.form.get("command")}, 422 if error.errors else error.status
    )


PAGES = (
    Page(
        path="/servers",
        title=gettext_noop("Servers"),
        template="servers.html",
        group="System",
        services=(
            "admin.cluster.status",
            "admin.loadbalancer.servers",
            "admin.loadbalancer.drain",
            "admin.loadbalancer.ready",
            "admin.loadbalancer.maint",
            "admin.server.reload",
        ),
        calls=2,
        show=show,
        act=act,
    ),
    Page(
        path="/servers/{name}/restart",
        title=gettext_noop("Restart"),
        template="server_restart.html",
        services=("admin.cluster.status", "admin.cluster.restart"),
        show=show_restart,
        act=restart,
    ),
    Page(
        path="/load-balancer",
        title=gettext_noop("Load-balancer"),
        template="load_balancer.html",
        group="System",
        services=(
            "admin.loadbalancer.servers",
            "admin.loadbalancer.statistics",
            "admin.loadbalancer.add",
            "admin.loadbalancer.remove",
            "admin.loadbalancer.weight",
            "admin.loadbalancer.reload",
            "admin.loadbalancer.command",
        ),
        calls=2,
        show=show_balancer,
        act=act_on_balancer,
    ),
)
