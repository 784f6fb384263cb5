"""The services: list, overview, source with versions, and the invoker."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping

from ..api import ApiError, JsonObject
from ..language.texts import gettext, gettext_noop
from ..page import Context, Outcome, Page, Redirect, Shown
from ..rendering import pretty
from ..source_view import highlighted
from ..visit import Visit
from .landscape import SERVICE as LANDSCAPE, strip

PAGE_SIZE = 50
ORDERS = {
    gettext_noop("name"): gettext_noop("name"),
    "count": gettext_noop("calls"),
    "mean": gettext_noop("mean duration"),
    "p95": "p95",
    gettext_noop("errors"): gettext_noop("errors"),
}
"""What the list is sorted by, in words."""
TONES = {"+": "added", "-": "removed"}
"""The tones of the lines of a diff, by how they begin."""


def show_list(visit: Visit) -> Context:
    """Return a page of the services, with the figures of the last hour beside them: those that are
    deployed, and if they are asked for those that come with plugins, too.
    """
    offset = visit.query.number("offset", 0)
    text = visit.query.get("filter")
    with_builtin = visit.query.get("builtin") == "yes"
    order = visit.query.get("order") or "name"
    found = visit.call(
        "admin.service.list",
        filter=text,
        builtin=with_builtin,
        statistics=True,
        order=order,
        offset=offset,
        limit=PAGE_SIZE,
    )
    return {
        "rows": found["items"],
        "total": found["total"],
        "offset": offset,
        "size": PAGE_SIZE,
        "order": order,
        "orders": ORDERS,
        "figures_error": found["statistics_error"],
        "builtin_count": found["builtin"],
        "with_builtin": with_builtin,
        "query": {"filter": text, "builtin": "yes" if with_builtin else "", "order": order},
    }


def show_service(visit: Visit) -> Context:
    """Return the overview of a service."""
    name = visit.parts["name"]
    panels = visit.panels(
        service=("admin.service.get", {"name": name}),
        figures=("admin.statistics.summary", {"name": name, "span": "day"}),
        around=(LANDSCAPE, {"focus": f"service {name}", "span": "day", "builtin": True}),
    )
    if panels["service"].error is not None:
        raise panels["service"].error
    found = panels["service"].data
    return {
        **head_of(visit, found, "overview"),
        "figures": panels["figures"].data.get("figures"),
        "figures_error": panels["figures"].fault,
        "strip": strip(visit, panels["around"], f"service {name}"),
        "strip_error": panels["around"].fault,
        "map_path": visit.path("map", focus=f"service {name}", span="day"),
        "input": fields_in(found["input"]),
        "output": fields_in(found["output"]),
    }


def head_of(visit: Visit, found: JsonObject, tab: str) -> Context:
    """Return what each tab of a service shows."""
    name = found["name"]
    here = visit.path("services", name)
    tabs = [("overview", here)]
    if found["source"] is not None:
        tabs.append(("source", f"{here}/source"))
    if visit.may("admin.service.invoke"):
        tabs.append(("invoke", f"{here}/invoke"))
    tabs += [(tab_name, f"{here}/{tab_name}") for tab_name in ("samples", "slow")]
    is_soap = any(channel.startswith("soap ") for channel in found.get("channels", ()))
    if is_soap and visit.may("admin.wsdl.get"):
        tabs.append(("wsdl", f"{here}/wsdl"))
    return {"title": name, "found": found, "here": here, "tabs": tabs, "tab": tab}


def fields_in(schema: Mapping[str, object] | None) -> list[tuple[str, str, bool, str]]:
    """Return the fields of the schema of an input or output: name, type, whether it is required,
    help.
    """
    if schema is None:
        return []
    definitions = schema.get("$defs")
    inner = _resolved(schema, definitions if isinstance(definitions, dict) else {})
    properties = inner.get("properties")
    required = inner.get("required") or ()
    if not isinstance(properties, dict) or not isinstance(required, list | tuple):
        return []
    return [
        (name, _type_of(one), name in required, str(one.get("description", "")))
        for name, one in properties.items()
    ]


def _resolved(schema: Mapping[str, object], definitions: JsonObject) -> Mapping[str, object]:
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    found: Mapping[str, object] = definitions.get(name, schema)
    return found


def _type_of(schema: JsonObject) -> str:
    if "anyOf" in schema:
        return gettext(" or ").join(_type_of(one) for one in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(str(one) for one in schema["enum"])
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    return str(schema.get("type", "any"))


# -- source and versions ---------------------------------------------------------------------------


def show_source(visit: Visit) -> Context:
    """Return the source of a service, of the version asked for, and what differs from another."""
    found = visit.call("admin.service.get", name=visit.parts["name"])
    if found["source"] is None:
        raise ApiError(
            404, {"title": gettext("Not found"), "detail": gettext("it comes with a plugin")}
        )
    versions = sorted(found["versions"], key=lambda one: -one["version"])
    current = next((one["version"] for one in versions if one["current"]), 0)
    wanted = visit.query.number("version", current)
    files = _files(visit, found, wanted)
    against = visit.query.number("against", 0)
    return {
        **head_of(visit, found, "source"),
        "versions": versions,
        "current": current,
        "version": wanted,
        "against": against,
        "files": [(path, highlighted(path, text)) for path, text in files.items()],
        "difference": difference(_files(visit, found, against), files) if against else [],
    }


def _files(visit: Visit, found: JsonObject, version: int) -> dict[str, str]:
    data: JsonObject = {"file": found["origin"]}
    if version:
        data["version"] = version
    files = visit.send("admin.service.source", data)["files"]
    return {str(path): str(text) for path, text in files.items()}


def difference(old: Mapping[str, str], new: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the lines of a unified diff of sources, each with its tone: added, removed or none."""
    lines: list[tuple[str, str]] = []
    for path in sorted({*old, *new}):
        before = old.get(path, "").splitlines()
        after = new.get(path, "").splitlines()
        lines += toned(difflib.unified_diff(before, after, path, path, lineterm="", n=3))
    return lines


def toned(diff: Iterable[str]) -> list[tuple[str, str]]:
    """Return the lines of a unified diff, each with its tone: added, removed or none."""
    return [(TONES.get(line[:1], ""), line) for line in diff]


def roll_back(visit: Visit) -> Outcome:
    """Let an older version serve again."""
    found = visit.call("admin.service.get", name=visit.parts["name"])
    data = {"file": found["origin"], "version": visit.form.number("version", 0)}
    done = visit.send("admin.service.rollback", data)
    notice = gettext(
        "%(file)s version %(version)s serves, revision %(revision)s.",
        file=done["file"],
        version=done["version"],
        revision=done["revision"],
    )
    return Redirect(visit.path("services", found["name"], "source"), notice, done["revision"])


# -- invoke ----------------------------------------------------------------------------------------


def show_invoke(visit: Visit) -> Context:
    """Return the form that calls a service: with the input of a sample if the address names one."""
    found = visit.call("admin.service.get", name=visit.parts["name"])
    wanted = visit.query.get("sample")
    if not wanted:
        return _invoker(visit, found, example_of(found["input"]))
    sample = visit.call("admin.sample.get", id=wanted)
    if sample["input_fault"]:
        return _invoker(
            visit,
            found,
            "",
            fault=gettext(
                "cannot be that sample: %(input_fault)s", input_fault=sample["input_fault"]
            ),
        )
    return _invoker(visit, found, json.dumps(sample["input"], indent=2, ensure_ascii=False))


def _invoker(
    visit: Visit,
    found: JsonObject,
    payload: str,
    answer: JsonObject | None = None,
    error: ApiError | None = None,
    fault: str = "",
) -> Context:
    return {
        **head_of(visit, found, "invoke"),
        "payload": payload,
        "answer": answer,
        "error": error,
        "fault": fault,
        "fields": fields_in(found["input"]),
    }


def example_of(schema: Mapping[str, object] | None) -> str:
    """Return an input to begin with: the required fields, with their examples or empty."""
    if schema is None:
        return ""
    definitions = schema.get("$defs")
    inner = _resolved(schema, definitions if isinstance(definitions, dict) else {})
    properties = inner.get("properties")
    required = inner.get("required") or ()
    if not isinstance(properties, dict) or not isinstance(required, list | tuple):
        return "{}"
    empty = {"string": "", "integer": 0, "number": 0, "boolean": False, "array": [], "object": {}}
    found = {}
    for name in required:
        one = properties.get(name, {})
        examples = one.get("examples")
        found[name] = examples[0] if examples else empty.get(str(one.get("type")))
    return json.dumps(found, indent=2, ensure_ascii=False)


def invoke(visit: Visit) -> Outcome:
    """Call a service, and show its answer below what was sent."""
    found = visit.call("admin.service.get", name=visit.parts["name"])
    text = visit.form.get("payload").replace("\r\n", "\n")
    data: JsonObject = {"name": found["name"]}
    if text.strip():
        try:
            data["payload"] = json.loads(text)
        except json.JSONDecodeError as error:
            where = gettext(
                "line %(line)s, column %(column)s", line=error.lineno, column=error.colno
            )
            fault = gettext("is not valid JSON: %(msg)s (%(where)s)", msg=error.msg, where=where)
            return Shown(_invoker(visit, found, text, fault=fault))
    try:
        answer = visit.send("admin.service.invoke", data)
    except ApiError as error:
        if error.status == 401:
            raise
        return Shown(_invoker(visit, found, text, error=error), status=200)
    shown = {"cid": answer["cid"], "text": pretty(answer["payload"])}
    return Shown(_invoker(visit, found, text, answer=shown), status=200)


PAGES = (
    Page(
        path="/services",
        title=gettext_noop("Services"),
        template="services.html",
        group="Configure",
        services=("admin.service.list",),
        calls=1,
        show=show_list,
    ),
    Page(
        path="/services/{name}",
        title=gettext_noop("Service"),
        template="service.html",
        services=("admin.service.get", "admin.statistics.summary", LANDSCAPE),
        calls=3,
        show=show_service,
    ),
    Page(
        path="/services/{name}/source",
        title=gettext_noop("Source"),
        template="service_source.html",
        services=("admin.service.get", "admin.service.source", "admin.service.rollback"),
        calls=3,
        show=show_source,
        act=roll_back,
    ),
    Page(
        path="/services/{name}/invoke",
        title=gettext_noop("Invoke"),
        template="service_invoke.html",
        services=("admin.service.get", "admin.service.invoke", "admin.sample.get"),
        calls=2,
        show=show_invoke,
        act=invoke,
    ),
)
