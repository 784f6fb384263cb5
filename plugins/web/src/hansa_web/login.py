"""Login, logout, and the list of clusters."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from urllib.parse import urlencode

import falcon

from .answers import lead_to, show
from .api import STATUS, Access, ApiError, ClusterApi, Unanswered
from .api_login import log_in, log_out
from .guard import TOKEN_FIELD, has_token, is_foreign
from .language.texts import gettext, gettext_noop
from .posted import read_form, read_query
from .rendering import render
from .visit import Form
from .web import Web

log = logging.getLogger("hansa.web")
WRONG = gettext_noop("The user or the password is not right.")


def login_path(cluster: str, following: str, **shown: str) -> str:
    """Return the address of the login for a cluster, which leads to a path afterwards; `shown` are
    further parts: the `user`, and whether a form is `kept`.
    """
    return "/login?" + urlencode({"cluster": cluster, "next": following, **shown})


def refuse_foreign(request: falcon.Request) -> None:
    """Raise `falcon.HTTPForbidden` for what a page of another origin has sent."""
    if is_foreign(request):
        raise falcon.HTTPForbidden(
            title=gettext("Refused"), description=gettext("requests of other sites are refused")
        )


class LoginPage:
    """`/login`."""

    def __init__(self, web: Web) -> None:
        self._web = web

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        """Show the form."""
        self._show(request, response, read_query(request))

    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        """Begin a session, or show the form again."""
        refuse_foreign(request)
        form = read_form(request)
        api = self._web.clusters.get(form.get("cluster"))
        if api is None:
            self._show(request, response, form, gettext("There is no such cluster."), 422)
            return
        try:
            access = log_in(
                api,
                form.get("user"),
                form.get("password"),
                request.remote_addr,
                request.user_agent or "",
            )
        except ApiError as error:
            status = 503 if isinstance(error, Unanswered) else error.status
            self._show(request, response, form, str(error), status)
            return
        if access is None:
            log.warning("login of %r was refused by %s", form.get("user")[:80], api.name)
            self._show(request, response, form, gettext(WRONG), 401)
            return
        before = self._web.sessions.end(self._web.token(request))
        kept = before.access if before is not None else {}
        if api.name in kept:
            # by a session of the API that nobody uses any more (OWASP ASVS 5.0, 7.2.4)
            log_out(api, kept[api.name])
        token, _ = self._web.sessions.begin({**kept, api.name: access})
        self._web.remember(response, token)
        lead_to(response, _following(form, api.name))

    def _show(
        self,
        request: falcon.Request,
        response: falcon.Response,
        form: Form,
        fault: str = "",
        status: int = 200,
    ) -> None:
        chosen = form.get("cluster") or next(iter(self._web.clusters), "")
        text = render(
            "login.html",
            title=gettext("Log in"),
            clusters=list(self._web.clusters.values()),
            chosen=chosen,
            following=form.get("next"),
            user=form.get("user"),
            kept=form.get("kept"),
            fault=fault,
            frame=None,
        )
        show(request, response, text, status)


def _following(form: Form, cluster: str) -> str:
    """Return the path that a login leads to: the one asked for, if it is one of this web admin."""
    path = form.get("next")
    is_own = path.startswith("/") and not path.startswith("//") and "\\" not in path
    return path if is_own and path.isprintable() else f"/{cluster}"


class Logout:
    """`/logout`, by POST alone."""

    def __init__(self, web: Web) -> None:
        self._web = web

    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        """End the session."""
        refuse_foreign(request)
        token = self._web.token(request)
        session = self._web.sessions.find(token)
        if session is not None:
            if not has_token(session, read_form(request).get(TOKEN_FIELD)):
                raise falcon.HTTPForbidden(description=gettext("the form is not of this session"))
            self._web.sessions.end(token)
            for name, access in session.access.items():
                log_out(self._web.clusters[name], access)
        self._web.forget(response)
        lead_to(response, "/login")


class ClusterList:
    """`/`: the clusters to choose from; where there is but one, its dashboard."""

    def __init__(self, web: Web) -> None:
        self._web = web

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        """Show them, with the state of those that the session is logged in to."""
        session = self._web.session(request)
        if len(self._web.clusters) == 1:
            lead_to(response, f"/{next(iter(self._web.clusters))}")
            return
        access: Mapping[str, Access] = session.access if session is not None else {}
        cards = [
            {"api": api, **_state(api, access.get(name))}
            for name, api in self._web.clusters.items()
        ]
        text = render(
            "clusters.html",
            title=gettext("Clusters"),
            cards=cards,
            alike=self._alike(),
            frame=None,
        )
        show(request, response, text)

    def _alike(self) -> list[list[str]]:
        """Return the names of clusters that have the same colour, together."""
        by_colour: dict[str, list[str]] = {}
        for name, api in self._web.clusters.items():
            if api.is_appearance_known:
                by_colour.setdefault(api.appearance.colour, []).append(name)
        return [names for names in by_colour.values() if len(names) > 1]


def _state(api: ClusterApi, access: Access | None) -> dict[str, object]:
    """Return what the card of a cluster shows: its servers, or why they are not known."""
    if access is None:
        return {"status": None, "note": gettext("not logged in")}
    try:
        return {"status": api.call(STATUS, {}, access), "note": ""}
    except ApiError as error:
        return {"status": None, "note": str(error)}
