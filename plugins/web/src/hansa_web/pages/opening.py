"""What a field of a form is to name is made first: the form of the new definition is opened from
there, and leads back to the form as it was, with the new name in the field.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import quote, unquote, urlencode

from ..api import ApiError
from ..forms.fields import FormField, fields_of
from ..forms.references import new_types
from ..forms.values import FROM
from ..kept_forms import KEPT_FORM, KEPT_OPEN, SECRETS, KeptForm, without_secrets
from ..language.texts import gettext, gettext_noop
from ..page import Redirect
from ..visit import Form, Visit
from .lists import list_path

NEW = "new:"
"""The action of a form that opens another one, followed by the type, and the path of the field."""
FOR = "~for"
FIELD = "~field"
LINE = "~line"
"""Fields of an address: the form that waits for a new definition, and its field that is to name it,
or to name it besides others.
"""
SECRETS_AGAIN = gettext_noop(
    "Nothing of this form has been stored yet, and its secrets have to be entered again."
)


def open_new(visit: Visit, *place: str) -> Redirect | None:
    """Keep the form and lead to that of a new definition, if a form asks for it; None for any other
    action. `place` is the end of the address of the form, below its kind and type.

    Raises `ApiError` for a form that is too large to be kept.
    """
    action = visit.form.get("action")
    if not action.startswith(NEW):
        return None
    type, _, path = action.removeprefix(NEW).partition(":")
    one = field_at(fields_of(visit.type.schema), path)
    if one is None or type not in new_types(visit, one.refers):
        raise ApiError(
            422,
            {
                "detail": gettext(
                    "%(path)s is no field that a new %(type)s can be made for", path=path, type=type
                )
            },
        )
    here = address_of(visit, visit.parts["kind"], visit.parts["type"], *place)
    name = visit.kept.keep(
        visit.cluster,
        visit.access.user,
        _as_asked(here),
        without_secrets(visit.form),
        visit.session.seen.copy(),
        told=SECRETS_AGAIN if any(map(visit.form.get, visit.form.all(SECRETS))) else "",
        seconds=KEPT_OPEN,
    )
    if not name:
        detail = gettext("the form is too large to be kept: first make what it is to name")
        raise ApiError(413, {"title": gettext("Too large"), "detail": detail})
    kind = one.refers.partition(" ")[0]
    parts = ("deploy",) if kind == "service" else (kind, type, "new")
    field = LINE if one.widget == "lines" else FIELD
    return Redirect(visit.path(*parts, **{FOR: name, field: path}))


def field_at(fields: Iterable[FormField], path: str) -> FormField | None:
    """Return the field of a path, also one of an object in a list; None if there is none."""
    for one in fields:
        if one.path == path:
            return one
        inside = re.match(re.escape(one.path) + r"\[\d{1,4}\]", path) if one.is_records else None
        if inside is not None:
            return field_at(one.inner(inside[0]), path)
    return None


def address_of(visit: Visit, *parts: str, **query: str) -> str:
    """Return the address of a page that goes on being opened from a form, if it is."""
    opened = {name: visit.query.get(name) for name in (FOR, FIELD, LINE)}
    return visit.path(*parts, **query, **opened)


def way_back(visit: Visit) -> str:
    """Return the address of the form that a page was opened from; else of the list of the kind."""
    waiting = _waiting(visit)
    if waiting is None:
        return list_path(visit, visit.parts["kind"]) if "kind" in visit.parts else ""
    return _shown_again(waiting, visit.query.get(FOR))


def back_with(visit: Visit, made: str, done: Redirect) -> Redirect:
    """Return the way back to the form that something was made for, with its name in the field, if
    that is known; else what would follow without such a form.
    """
    waiting = _waiting(visit)
    if waiting is None:
        is_late = FOR in visit.query
        late = (
            " " + gettext("The form that it was made for is not kept any more.") if is_late else ""
        )
        return replace(done, notice=done.notice + late)
    name = visit.query.get(FOR)
    if made:
        visit.kept.change(name, _with_name(visit, waiting.form, made))
    return replace(done, to=_shown_again(waiting, name))


def _waiting(visit: Visit) -> KeptForm | None:
    return visit.kept.find(visit.query.get(FOR), visit.cluster, visit.access.user)


def _with_name(visit: Visit, form: Form, made: str) -> Form:
    """Return the form that waits with a name in the field of the address."""
    line = visit.query.get(LINE)
    path = line or visit.query.get(FIELD)
    before = form.get(path).strip() if line else ""
    text = f"{before}\n{made}" if before else made
    return Form({**form.fields, path: [text], path + FROM: [""]})


def _as_asked(address: str) -> str:
    """Return an address as requests have it: its path is decoded."""
    path, mark, query = address.partition("?")
    return unquote(path) + mark + query


def _shown_again(waiting: KeptForm, name: str) -> str:
    path, _, query = waiting.path.partition("?")
    kept = urlencode({KEPT_FORM: name})
    return f"{quote(path)}?{query}&{kept}" if query else f"{quote(path)}?{kept}"
