"""One's own sessions and how one wants pages; and, for administrators, the sessions of everybody."""

from __future__ import annotations

from ..api import ApiError, JsonObject
from ..api_login import CHANGE, change_password
from ..devices import device
from ..language.catalogues import is_language, language_name, languages
from ..language.texts import counted, gettext, gettext_noop, ngettext
from ..page import Context, Outcome, Page, Redirect, Shown
from ..view import DENSITIES, THEMES, View, current_view, is_zone, use_view, zones
from ..visit import Visit

FIELDS = ("old", "new", "again")
"""The fields of the form that changes the password: the one of now, and the new one twice."""
END = "admin.session.end"
LIST = "admin.session.list"
ADMINISTER = "admin.account.edit"
"""Who may call this may end the sessions of others."""
PAGE_SIZE = 100


def show_me(visit: Visit) -> Context:
    """Return one's own sessions, and the choices for pages."""
    panels = visit.panels(sessions=(LIST, {}))
    return _context(visit, panels["sessions"].data["items"], panels["sessions"].fault)


def _context(visit: Visit, sessions: list[JsonObject], error: ApiError | None) -> Context:
    return {
        "sessions": [{**one, "device": device(one["agent"])} for one in sessions],
        "error": error,
        "may_end": visit.may(END),
        "themes": THEMES,
        "densities": DENSITIES,
        "zones": sorted(name for name in zones() if "/" in name and not name.startswith("Etc/")),
        "chosen": current_view(),
        "languages": [(tag, language_name(tag)) for tag in languages()],
        "fault": "",
        "may_change": visit.may(CHANGE),
        "faults": {},
    }


def act_on_me(visit: Visit) -> Outcome:
    """Keep the choices, or end sessions of one's own."""
    action = visit.form.get("action")
    here = visit.path("me")
    if action == "others":
        done = visit.call(END, others=True)
        notice = counted(
            done["ended"],
            "%(num)s other session has ended.",
            "%(num)s other sessions have ended.",
        )
        return Redirect(here, notice)
    if action == "end":
        return _end(visit, here)
    if action == "password":
        return _change_password(visit, here)
    zone = visit.form.get("zone").strip() or "UTC"
    if not is_zone(zone):
        fault = gettext("there is no time zone %(zone)s; such as Europe/Berlin or UTC", zone=zone)
        return Shown({**show_me(visit), "fault": fault, "zone": zone})
    language = visit.form.get("language")
    view = View(
        zone=zone,
        theme=visit.form.get("theme"),
        density=visit.form.get("density"),
        keys=visit.form.get("keys") == "yes",
        is_zone_known=True,
        language=language,
        is_language_chosen=is_language(language),
    )
    # what is said from here on is in the language that was just chosen
    use_view(view if view.is_language_chosen else current_view())
    return Redirect(here, gettext("Pages look like this now."), view=view)


def _change_password(visit: Visit, here: str) -> Outcome:
    """Change the password of the user, whose session goes on by another token; a refusal is shown at
    the field that it is about.
    """
    old, new, again = (visit.form.get(name) for name in FIELDS)
    faults = {}
    if not old:
        faults["old"] = gettext("enter the password that you log in with")
    if new != again:
        faults["again"] = gettext("is not the new password")
    if not faults:
        visit.calls.append(CHANGE)
        try:
            access, ended = change_password(visit.api, visit.access, old, new, visit.address)
        except ApiError as error:
            if error.code == "wrong-password":
                faults["old"] = str(error)
            elif error.errors:
                faults.update(error.errors)
            elif error.status in (401, 403):
                raise
            else:
                faults["old"] = str(error)
    if faults:
        return Shown({**show_me(visit), "faults": faults})
    visit.access = access
    visit.session.access[visit.cluster] = access
    notice = counted(
        ended,
        "The password is changed; %(num)s other session has ended.",
        "The password is changed; %(num)s other sessions have ended.",
    )
    return Redirect(here, notice, renews=True)


def show_sessions(visit: Visit) -> Context:
    """Return the sessions of all users, the newest first."""
    offset = visit.query.number("offset", 0)
    found = visit.call(LIST, all=True, offset=offset, limit=PAGE_SIZE)
    return {
        "sessions": [{**one, "device": device(one["agent"])} for one in found["items"]],
        "total": found["total"],
        "offset": offset,
        "size": PAGE_SIZE,
    }


def act_on_sessions(visit: Visit) -> Outcome:
    """End a session, or all of a user."""
    here = visit.path("sessions")
    if visit.form.get("action") == "end":
        return _end(visit, here)
    user = visit.form.get("user")
    done = visit.call(END, user=user)
    notice = ngettext(
        "Ended: %(num)s session of %(user)s.",
        "Ended: %(num)s sessions of %(user)s.",
        done["ended"],
        user=user,
    )
    return Redirect(here, notice)


def _end(visit: Visit, here: str) -> Outcome:
    done = visit.call(END, session=visit.form.get("session"))
    return Redirect(
        here,
        gettext("The session has ended.") if done["ended"] else gettext("It had ended before."),
    )


PAGES = (
    Page(
        path="/sessions",
        title=gettext_noop("Sessions"),
        template="sessions.html",
        group="System",
        services=(LIST, END),
        needs=ADMINISTER,
        show=show_sessions,
        act=act_on_sessions,
    ),
    Page(
        path="/me",
        title=gettext_noop("My sessions and settings"),
        template="me.html",
        services=(LIST, END, CHANGE),
        show=show_me,
        act=act_on_me,
    ),
)
