"""What the buttons of a definition's form show that store nothing: what comes of a trial of the
settings, when they would run, and what saving them would be as a command.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..api import ApiError, JsonObject
from ..catalogue import RegisteredType
from ..forms.equivalents import call_of, command_of, masked_settings
from ..forms.sections import posted_sections
from ..forms.values import Posted
from ..language.texts import gettext
from ..page import Shown
from ..visit import Visit
from .definition_form import again, form_context

TEST = "test"
PREVIEW = "preview"
AS_COMMAND = "command"
"""The actions of a form that store nothing."""
TIMES = 10
"""Times that are shown."""


def try_form(
    visit: Visit,
    registered: RegisteredType,
    posted: Posted,
    asked: Mapping[str, object],
    *,
    found: JsonObject | None = None,
    name: str = "",
) -> Shown | None:
    """Return the form again with what its button asks for; None if that is to save it. `asked` is the
    part of the input that is no setting.
    """
    action = visit.form.get("action")
    if action in (TEST, PREVIEW):
        return _try(
            visit,
            registered,
            posted,
            action,
            {"name": asked["name"] if found else ""},
            found=found,
            name=name,
        )
    if action == AS_COMMAND and not posted.faults:
        return _as_command(visit, registered, {**asked, **posted.settings}, found=found)
    return None


def _try(
    visit: Visit,
    registered: RegisteredType,
    posted: Posted,
    action: str,
    asked: JsonObject,
    *,
    found: JsonObject | None,
    name: str,
) -> Shown:
    """Return the form again with what came of its settings."""
    faults = dict(posted.faults)
    summary = cid = ""
    answer: JsonObject = {}
    if not faults:
        more = {"count": TIMES} if action == PREVIEW else {}
        try:
            answer = visit.send(registered.service(action), {**posted.settings, **asked, **more})
        except ApiError as error:
            if error.status in (401, 403):
                raise
            faults = error.errors
            summary = "" if faults else str(error)
            cid = error.cid
    sections = posted_sections(registered.schema, visit.form, faults)
    context = form_context(
        visit,
        registered,
        sections,
        found=found,
        name=name,
        faults=faults,
        summary=summary,
        cid=cid,
    )
    if answer and action == TEST:
        context["result"] = str(answer.get("result", "")) or gettext("the settings work")
    elif answer:
        context["times"] = answer["runs"]
    return Shown(context, 200 if answer else 422)


def _as_command(
    visit: Visit,
    registered: RegisteredType,
    asked: JsonObject,
    *,
    found: JsonObject | None,
) -> Shown:
    """Return the form again with what saving it would be as a command and as a call of the API."""
    schema = registered.schema
    action = "edit" if found is not None else "create"
    name = str(asked["name"])
    urls = visit.api.destination.urls()
    data = masked_settings(schema, asked)
    same = {
        "command": command_of((*registered.path.split("."), action), name or "NAME", schema, asked),
        "call": call_of(urls[0] if urls else "", registered.service(action), data),
        "is_masked": data != asked,
    }
    shown = again(visit, registered, {}, found=found, name=name, status=200)
    return Shown({**shown.context, "same": same}, shown.status)
