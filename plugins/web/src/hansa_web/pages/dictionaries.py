"""Data dictionaries: the values that systems know, what they are in other systems, one tried, and all
of them as files.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..api import ApiError, JsonObject
from ..language.texts import gettext, gettext_noop
from ..page import Context, Download, Outcome, Page, Redirect, Shown
from ..visit import Visit

PAGE_SIZE = 50
SUBJECT = ("system", "key")
DIRECTION = ("system1", "key1", "system2", "key2")
TRANSLATED = ("system1", "key1", "value1", "system2", "key2")
REFUSED = (400, 404, 409, 422)
"""What the API answers where the form is shown again with its faults."""
TABS = (
    ("dictionaries", gettext_noop("Values")),
    ("translations", gettext_noop("Translations")),
    ("translate", gettext_noop("Try one")),
    ("exchange", gettext_noop("Files")),
)


def _context(visit: Visit, tab: str, error: ApiError | None, **more: object) -> Context:
    tabs = [(name, title, visit.path(name)) for name, title in TABS]
    return {"tab": tab, "tabs": tabs, "here": visit.path(tab), "error": error, **more}


def _given(visit: Visit, names: tuple[str, ...]) -> dict[str, str]:
    """Return the filters of the address that are not empty."""
    return {name: visit.query.get(name) for name in names if visit.query.get(name)}


def _page(found: JsonObject, offset: int) -> Context:
    return {
        "rows": found["items"],
        "total": found["total"],
        "offset": offset,
        "size": PAGE_SIZE,
    }


def _done(visit: Visit, tab: str, answer: JsonObject, notice: str) -> Redirect:
    """Lead back to the list, with the same filters."""
    names = (*SUBJECT, *DIRECTION, "filter", "offset")
    here = visit.path(tab, **{name: visit.query.get(name) for name in names})
    if answer["revision"] is None:
        return Redirect(here, gettext("Nothing was changed."))
    return Redirect(
        here,
        gettext("%(notice)s, revision %(revision)s.", notice=notice, revision=answer["revision"]),
        answer["revision"],
    )


# -- values ----------------------------------------------------------------------------------------


def show_values(visit: Visit) -> Context:
    """Return a page of the values of dictionaries."""
    return _values(visit, {})


def _values(visit: Visit, form: Mapping[str, str], error: ApiError | None = None) -> Context:
    asked = _given(visit, (*SUBJECT, "filter"))
    offset = visit.query.number("offset", 0)
    found = visit.call("admin.dictionary.list", **asked, offset=offset, limit=PAGE_SIZE)
    known = found["dictionaries"]
    return _context(
        visit,
        "dictionaries",
        error,
        **_page(found, offset),
        asked=asked,
        systems=sorted({one["system"] for one in known}),
        keys=sorted({one["key"] for one in known}),
        form=form,
    )


def change_values(visit: Visit) -> Outcome:
    """Add, rename or delete a value."""
    form = {name: visit.form.get(name) for name in (*SUBJECT, "value", "renamed")}
    action = visit.form.get("action")
    named = {name: form[name] for name in (*SUBJECT, "value")}
    try:
        if action == "rename":
            asked = {**named, "renamed": form["renamed"]}
            answer = visit.send("admin.dictionary.edit", asked)
            return _done(
                visit,
                "dictionaries",
                answer,
                gettext(
                    "%(value)s is %(renamed)s now", value=form["value"], renamed=form["renamed"]
                ),
            )
        if action == "delete":
            answer = visit.send("admin.dictionary.delete", named)
            return _done(
                visit, "dictionaries", answer, gettext("%(value)s is deleted", value=form["value"])
            )
        answer = visit.send("admin.dictionary.create", named)
        return _done(
            visit, "dictionaries", answer, gettext("%(value)s is added", value=form["value"])
        )
    except ApiError as error:
        if error.status not in REFUSED:
            raise
        return Shown(_values(visit, {} if action else form, error))


# -- translations ----------------------------------------------------------------------------------


def show_translations(visit: Visit) -> Context:
    """Return a page of the translations."""
    return _translations(visit, {})


def _translations(visit: Visit, form: Mapping[str, str], error: ApiError | None = None) -> Context:
    asked = _given(visit, (*DIRECTION, "filter"))
    offset = visit.query.number("offset", 0)
    found = visit.call("admin.translation.list", **asked, offset=offset, limit=PAGE_SIZE)
    known = found["directions"]
    return _context(
        visit,
        "translations",
        error,
        **_page(found, offset),
        asked=asked,
        choices={name: sorted({one[name] for one in known}) for name in DIRECTION},
        defaults=[one for one in known if one["default"] is not None],
        form=form or {name: asked.get(name, "") for name in DIRECTION},
    )


def change_translations(visit: Visit) -> Outcome:
    """Add, change or delete a translation."""
    form = {name: visit.form.get(name) for name in (*TRANSLATED, "value2")}
    action = visit.form.get("action")
    named = {name: form[name] for name in TRANSLATED}
    value1 = form["value1"]
    try:
        if action == "delete":
            answer = visit.send("admin.translation.delete", named)
            return _done(
                visit,
                "translations",
                answer,
                gettext("%(value1)s is not translated any more", value1=value1),
            )
        service = "admin.translation.edit" if action == "edit" else "admin.translation.create"
        answer = visit.send(service, form)
        return _done(
            visit,
            "translations",
            answer,
            gettext("%(value1)s is %(value2)s now", value1=value1, value2=form["value2"]),
        )
    except ApiError as error:
        if error.status not in REFUSED:
            raise
        return Shown(_translations(visit, {} if action else form, error))


# -- one tried -------------------------------------------------------------------------------------


def show_translate(visit: Visit) -> Context:
    """Return the form, and what the value is that it names."""
    asked = {name: visit.query.get(name) for name in (*TRANSLATED, "default")}
    answer = error = None
    if all(asked[name] for name in TRANSLATED):
        try:
            answer = visit.send("admin.translation.translate", asked)
        except ApiError as refused:
            if refused.status not in REFUSED:
                raise
            error = refused
    return _context(visit, "translate", error, asked=asked, answer=answer)


# -- files -----------------------------------------------------------------------------------------


def show_exchange(visit: Visit) -> Context:
    """Return the forms."""
    return _exchange(visit, "")


def _exchange(
    visit: Visit,
    text: str,
    *,
    plan: JsonObject | None = None,
    error: ApiError | None = None,
    replace: bool = False,
) -> Context:
    return _context(visit, "exchange", error, text=text, plan=plan, replace=replace)


def exchange(visit: Visit) -> Outcome:
    """Export, plan an import, or do what was planned."""
    action = visit.form.get("action")
    if action in ("json", "dictionaries", "translations"):
        return _exported(visit, action)
    text = visit.form.get("upload") or visit.form.get("text")
    replace = visit.form.get("replace") == "yes"
    asked: JsonObject = {"text": text, "replace": replace}
    try:
        if action != "import":
            plan = visit.send("admin.dictionary.import", {**asked, "plan": True})
            return Shown(_exchange(visit, text, plan=plan, replace=replace), status=200)
        done = visit.send("admin.dictionary.import", asked)
    except ApiError as error:
        if error.status not in REFUSED:
            raise
        return Shown(_exchange(visit, text, error=error, replace=replace))
    notice = gettext(
        "Imported: %(created)s new, %(edited)s changed, %(deleted)s deleted",
        created=done["created"],
        edited=done["edited"],
        deleted=done["deleted"],
    )
    return _done(visit, "translations", done, notice)


def _exported(visit: Visit, what: str) -> Download:
    asked = {"format": "json"} if what == "json" else {"format": "csv", "part": what}
    found = visit.send("admin.dictionary.export", asked)
    name = f"{visit.cluster}-dictionaries.json" if what == "json" else f"{visit.cluster}-{what}.csv"
    return Download(name, found["text"].encode(), found["content_type"])


PAGES = (
    Page(
        path="/dictionaries",
        title=gettext_noop("Dictionaries"),
        template="dictionaries.html",
        group="Configure",
        services=(
            "admin.dictionary.list",
            "admin.dictionary.create",
            "admin.dictionary.edit",
            "admin.dictionary.delete",
        ),
        show=show_values,
        act=change_values,
    ),
    Page(
        path="/translations",
        title=gettext_noop("Translations"),
        template="translations.html",
        services=(
            "admin.translation.list",
            "admin.translation.create",
            "admin.translation.edit",
            "admin.translation.delete",
        ),
        show=show_translations,
        act=change_translations,
    ),
    Page(
        path="/translate",
        title=gettext_noop("Try a translation"),
        template="translate.html",
        services=("admin.translation.translate",),
        show=show_translate,
    ),
    Page(
        path="/exchange",
        title=gettext_noop("Files of dictionaries"),
        template="exchange.html",
        services=("admin.dictionary.export", "admin.dictionary.import"),
        calls=0,
        show=show_exchange,
        act=exchange,
    ),
)
