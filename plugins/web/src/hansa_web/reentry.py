"""What happens to a form that cannot be carried out yet: the password is asked for, of a session that
has ended by the login, and for what is final once more; and then the form goes on.
"""

from __future__ import annotations

from collections.abc import Mapping

import falcon

from .answers import lead_to
from .api import ApiError, ClusterApi, JsonObject
from .api_login import confirm_password
from .guard import TOKEN_FIELD, has_token
from .kept_forms import KEPT_FORM, PASSWORD, KeptForm, without_secrets
from .language.texts import gettext
from .login import login_path
from .page import Page, Shown
from .posted import read_posted
from .sessions import EndedSession, SeenForm
from .visit import Form, Visit
from .web import Web

CONFIRM_TEMPLATE = "confirm.html"
AGAIN_TEMPLATE = "form_again.html"


def lead_to_login(
    web: Web, request: falcon.Request, response: falcon.Response, api: ClusterApi
) -> None:
    """Lead the browser to the login, and from there to what it has asked for; a form that was posted
    in a session that has ended is kept.
    """
    if request.method == "GET":
        lead_to(response, login_path(api.name, request.relative_uri))
        return
    ended = _ended_session(web, request)
    user = ended.users.get(api.name, "") if ended is not None else ""
    if ended is None or not user:
        lead_to(response, login_path(api.name, f"/{api.name}"))
        return
    form = read_posted(request)
    if has_token(ended, form.get(TOKEN_FIELD)):
        _lead_with_form(web, request, response, api, user, form, ended.seen)
    else:
        lead_to(response, _login_for(request, api, user, ""))


def _ended_session(web: Web, request: falcon.Request) -> EndedSession | None:
    """Return the session of a request that has ended by itself, here or in the API of a cluster."""
    token = web.token(request)
    session = web.sessions.find(token, is_use=False)
    if session is None:
        return web.sessions.find_ended(token)
    return EndedSession(session.former, session.form_token, session.seen)


def lead_back_to_login(
    web: Web, request: falcon.Request, response: falcon.Response, visit: Visit
) -> None:
    """Lead the browser to the login since the API knows its session no more; a form is kept."""
    session = visit.session
    if session.access.get(visit.cluster) is visit.access:
        # else the user has logged in again meanwhile
        session.access.pop(visit.cluster)
        session.former[visit.cluster] = visit.access.user
    if request.method == "GET":
        lead_to(response, login_path(visit.cluster, request.relative_uri))
        return
    user = visit.access.user
    _lead_with_form(web, request, response, visit.api, user, visit.form, session.seen)


def _lead_with_form(
    web: Web,
    request: falcon.Request,
    response: falcon.Response,
    api: ClusterApi,
    user: str,
    form: Form,
    seen: Mapping[SeenForm, JsonObject],
) -> None:
    """Lead the browser to the login of a user, and keep what was entered: the form that has come, or
    the one that it is the password for.
    """
    path = request.relative_uri
    if KEPT_FORM in form:
        waiting = kept_form_of(web, request, api.name, user, form.get(KEPT_FORM))
        if waiting is None:
            lead_to(response, login_path(api.name, path))
            return
        form = waiting.form
    kept = web.kept.keep(api.name, user, path, without_secrets(form), seen)
    lead_to(response, _login_for(request, api, user, kept))


def _login_for(request: falcon.Request, api: ClusterApi, user: str, kept: str) -> str:
    """Return the address of a login that leads to a kept form, if there is one."""
    path = request.relative_uri
    if kept:
        path += f"{'&' if '?' in path else '?'}{KEPT_FORM}={kept}"
    return login_path(api.name, path, user=user, kept="yes" if kept else "no")


def kept_form(web: Web, request: falcon.Request, visit: Visit) -> KeptForm | None:
    """Return the form that an address names last, of this user and of this page."""
    names = visit.query.all(KEPT_FORM) or [""]
    found = web.kept.find(names[-1], visit.cluster, visit.access.user)
    if found is None or found.path.partition("?")[0] != request.path:
        return None
    return found


def show_again(page: Page, visit: Visit, kept: KeptForm) -> Shown:
    """Return the page with a form that was not carried out; raises `ApiError`."""
    visit.form = kept.form
    visit.told = gettext(kept.told) if kept.told else ""
    visit.session.seen.update(kept.seen)
    if page.again is not None:
        return page.again(visit)
    fields = [(name, value) for name, values in kept.form.fields.items() for value in values]
    context = {
        "title": gettext(page.title),
        "fields": fields,
        "path": kept.path,
        "summary": visit.told,
    }
    return Shown(context, 200, AGAIN_TEMPLATE)


def ask_password(
    web: Web, request: falcon.Request, visit: Visit, fault: str = "", name: str = ""
) -> Shown:
    """Return the page that asks for the password before a form is carried out, and keep the form.

    Raises `ApiError` for one that is too large.
    """
    path = request.relative_uri
    kept = name or web.kept.keep(visit.cluster, visit.access.user, path, visit.form, {})
    if not kept:
        detail = gettext(
            "the form is too large to be kept while the password is asked for: log "
            "out and in again, and send it within 5 minutes"
        )
        raise ApiError(413, {"title": gettext("Too large"), "detail": detail})
    context = {
        "title": gettext("Confirm with your password"),
        "path": path,
        "kept": kept,
        "kept_field": KEPT_FORM,
        "fault": fault,
    }
    return Shown(context, 403, CONFIRM_TEMPLATE)


def confirmed_form(
    web: Web, request: falcon.Request, response: falcon.Response, visit: Visit
) -> Form | Shown:
    """Return the form that is to be carried out: the posted one, or the kept one that it confirms by a
    password; or the page that asks for the password again. Raises `ApiError`.

    The session has new tokens then (OWASP ASVS 5.0, 7.2.4).
    """
    name = visit.form.get(KEPT_FORM)
    if not name:
        return visit.form
    kept = kept_form_of(web, request, visit.cluster, visit.access.user, name)
    if kept is None:
        detail = gettext("the form is kept for 10 minutes, which have passed; fill it in again")
        raise ApiError(410, {"title": gettext("Too late"), "detail": detail})
    password = visit.form.get(PASSWORD)
    proven = confirm_password(visit.api, visit.access, password, request.remote_addr)
    if isinstance(proven, str):
        return ask_password(web, request, visit, proven, name)
    web.kept.forget(name)
    visit.access = proven
    visit.session.access[visit.cluster] = proven
    web.remember(response, web.sessions.renew(web.token(request)))
    return kept.form


def kept_form_of(
    web: Web, request: falcon.Request, cluster: str, user: str, name: str
) -> KeptForm | None:
    """Return a form by its name, if it is of this user and this very address."""
    found = web.kept.find(name, cluster, user)
    return found if found is not None and found.path == request.relative_uri else None
