"""One failed message: its input, edited and compared; its traceback with links to the source;
replay.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from ..api import JsonObject
from ..language.texts import counted, gettext
from ..page import Context, Download, Outcome, Redirect, Shown
from ..rendering import pretty
from ..visit import Visit
from .services import difference

_FRAME = re.compile(
    r'^  File "(?P<path>[\w./ -]+\.py)@(?P<version>\d+)(?:[A-Za-z_]\w*)?", line (?P<line>\d+)'
)


@dataclass(frozen=True)
class Frame:
    """A line of a traceback; `path` is the deployed file that it names, if it names one."""

    text: str
    path: str = ""
    version: int = 0
    line: int = 0


def frames(traceback: str) -> list[Frame]:
    """Return the lines of a traceback."""
    found = []
    for text in traceback.rstrip().split("\n"):
        match = _FRAME.match(text)
        if match is None:
            found.append(Frame(text))
        else:
            found.append(Frame(text, match["path"], int(match["version"]), int(match["line"])))
    return found


def origin_of_fault(lines: list[Frame]) -> Frame | None:
    """Return the last line of a traceback that is in a deployed file; None if there is none."""
    deployed = [line for line in lines if line.path]
    return deployed[-1] if deployed else None


def message_context(
    visit: Visit, found: JsonObject, edited: str | None = None, fault: str = ""
) -> Context:
    """Return what is shown of one message; `edited` is its input as the user wants it."""
    original = pretty(found["payload"])
    payload = original if edited is None else edited
    lines = frames(found["traceback"])
    return {
        "message": found,
        "payload": payload,
        "fault": fault,
        "frames": lines,
        "origin": origin_of_fault(lines),
        "back": visit.path("failed", "groups", found["group"], id=found["id"]),
        "difference": difference({"input": original}, {"input": payload}),
    }


def show_message(visit: Visit) -> Context:
    """Return one message: input, cause, traceback, history."""
    found = visit.call("admin.failed.get", id=visit.parts["id"])
    return {
        **message_context(visit, found),
        "title": gettext("Failed message %(id)s", id=found["id"]),
    }


def act_on_message(visit: Visit) -> Outcome:
    """Replay a message, with the input that is shown if that was changed; keep that input, compare
    it with the original or save it as a file; or go on to delete the message.
    """
    identifier = visit.parts["id"]
    action = visit.form.get("action")
    if action == "delete":
        return Redirect(visit.path("failed", "delete", id=identifier))
    found = visit.call("admin.failed.get", id=identifier)
    if action == "download":
        content = pretty(found["payload"]).encode()
        return Download(f"failed-{identifier}.txt", content, "text/plain")
    text = visit.form.get("payload").replace("\r\n", "\n")
    title = gettext("Failed message %(identifier)s", identifier=identifier)
    try:
        changed = _changed(found, text)
    except ValueError as error:
        context = message_context(
            visit, found, text, gettext("is not valid JSON: %(error)s", error=error)
        )
        return Shown({**context, "title": title})
    if action == "compare":
        return Shown({**message_context(visit, found, text), "title": title}, status=200)
    if action == "keep":
        return _keep(visit, found, changed)
    done = visit.send("admin.failed.replay", {"ids": [identifier], **changed})
    return Redirect(visit.path("failed"), replayed_notice(done))


def _changed(found: JsonObject, text: str) -> JsonObject:
    """Return the payload as it was edited, `{}` if it was not: text stays text, everything else is
    JSON; raises ValueError.
    """
    if not text or text.strip() == pretty(found["payload"]).strip():
        return {}
    if isinstance(found["payload"], str):
        return {"payload": text}
    return {"payload": json.loads(text)}


def _keep(visit: Visit, found: JsonObject, changed: JsonObject) -> Outcome:
    """Keep an input that was edited, without a replay."""
    here = visit.path("failed", "groups", found["group"], id=found["id"])
    if not changed:
        return Redirect(here, gettext("Nothing was changed."))
    visit.send("admin.failed.edit", {"id": found["id"], **changed})
    return Redirect(here, gettext("The new input is kept; the message has not been replayed yet."))


def replayed_notice(done: JsonObject) -> str:
    """Say what came of a replay."""
    notice = counted(
        done["replayed"],
        "%(num)s message went back into the queue.",
        "%(num)s messages went back into the queue.",
    )
    if done["left"]:
        notice += " " + counted(
            done["left"],
            "%(num)s stays failed, since the queue is full.",
            "%(num)s stay failed, since the queue is full.",
        )
    if done["missing"]:
        notice += " " + counted(
            len(done["missing"]),
            "%(num)s is not there any more.",
            "%(num)s are not there any more.",
        )
    return notice
