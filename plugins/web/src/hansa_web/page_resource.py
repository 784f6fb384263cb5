"""The route of a page: who asks is known, what is posted is of this session, and what the page's
functions return is answered.
"""

from __future__ import annotations

from collections.abc import Callable

import falcon

from .answers import lead_to, send_download, show, show_problem
from .api import ApiError
from .drawn import DrawnPage
from .frame import frame_of
from .guard import TOKEN_FIELD, has_token
from .language.texts import gettext
from .login import refuse_foreign
from .page import Context, Download, Outcome, Page, Redirect, Shown
from .posted import read_posted, read_query
from .reentry import (
    ask_password,
    confirmed_form,
    kept_form,
    lead_back_to_login,
    lead_to_login,
    show_again,
)
from .rendering import render
from .sessions import Notice
from .visit import Visit
from .web import Web, is_poll


class PageResource:
    """One page of the table, in every cluster."""

    def __init__(self, web: Web, page: Page) -> None:
        self._web = web
        self._page = page

    def on_get(
        self, request: falcon.Request, response: falcon.Response, cluster: str, **parts: str
    ) -> None:
        """Show the page; whoever is not logged in is led to the login, and back."""
        visit = self._visit(request, response, cluster, parts)
        if visit is None:
            return
        try:
            kept = kept_form(self._web, request, visit)
            if kept is not None:
                self._answer(request, response, visit, show_again(self._page, visit, kept))
                return
            if self._page.needs:
                visit.require(self._page.needs)
            context = self._page.show(visit)
        except ApiError as error:
            self._refuse(request, response, visit, error)
            return
        if isinstance(context, Download):
            send_download(response, context)
            return
        drawn = _drawn(request, visit)
        if drawn is not None:
            show(request, response, drawn.text)
            return
        text = self._show(request, response, visit, context)
        if visit.recent is not None:
            visit.session.drawn = DrawnPage.of(request, visit.answers, text)

    def on_post(
        self, request: falcon.Request, response: falcon.Response, cluster: str, **parts: str
    ) -> None:
        """Carry out what a form of the page asks for."""
        refuse_foreign(request)
        if self._page.act is None:
            raise falcon.HTTPMethodNotAllowed(["GET"])
        visit = self._visit(request, response, cluster, parts)
        if visit is None:
            return
        visit.form = read_posted(request)
        if not has_token(visit.session, visit.form.get(TOKEN_FIELD)):
            raise falcon.HTTPForbidden(
                title=gettext("Refused"),
                description=gettext("the form is not of this session; load the page again"),
            )
        try:
            outcome = self._outcome(request, response, visit, self._page.act)
        except ApiError as error:
            self._refuse(request, response, visit, error)
            return
        self._answer(request, response, visit, outcome)

    def _outcome(
        self,
        request: falcon.Request,
        response: falcon.Response,
        visit: Visit,
        act: Callable[[Visit], Outcome],
    ) -> Outcome:
        """Carry out a form, or ask for the password if the API wants it first; raises `ApiError`."""
        form = confirmed_form(self._web, request, response, visit)
        if isinstance(form, Shown):
            return form
        visit.form = form
        try:
            outcome = act(visit)
        except ApiError:
            if not visit.needs_password:
                raise
        if visit.needs_password:
            return ask_password(self._web, request, visit)
        return outcome

    def _answer(
        self,
        request: falcon.Request,
        response: falcon.Response,
        visit: Visit,
        outcome: Outcome,
    ) -> None:
        if isinstance(outcome, Redirect):
            if outcome.view is not None:
                self._web.remember_view(response, outcome.view)
            if outcome.renews:
                renewed = self._web.sessions.renew(self._web.token(request))
                self._web.remember(response, renewed)
            if outcome.notice:
                notice = Notice(outcome.notice, outcome.revision, outcome.secret)
                visit.session.notices.append(notice)
            lead_to(response, outcome.to)
        elif isinstance(outcome, Download):
            send_download(response, outcome)
        else:
            template = outcome.template or self._page.template
            self._show(request, response, visit, outcome.context, outcome.status, template)

    def _visit(
        self,
        request: falcon.Request,
        response: falcon.Response,
        cluster: str,
        parts: dict[str, str],
    ) -> Visit | None:
        """Return what the page's functions get; None if the browser is led to the login."""
        api = self._web.clusters.get(cluster)
        if api is None:
            raise falcon.HTTPNotFound(
                description=gettext("there is no cluster %(cluster)s", cluster=cluster)
            )
        session = self._web.session(request)
        access = session.access.get(cluster) if session is not None else None
        if session is None or access is None:
            lead_to_login(self._web, request, response, api)
            return None
        return Visit(
            api=api,
            access=access,
            session=session,
            catalogue=self._web.catalogues[cluster],
            kept=self._web.kept,
            parts=parts,
            query=read_query(request),
            address=request.remote_addr,
            others={name: one for name, one in self._web.clusters.items() if name != cluster},
            recent=self._web.recent[cluster] if is_poll(request) else None,
        )

    def _show(
        self,
        request: falcon.Request,
        response: falcon.Response,
        visit: Visit,
        context: Context,
        status: int = 200,
        template: str = "",
    ) -> str:
        """Answer with a page; returns its text."""
        title = str(context.get("title") or gettext(self._page.title))
        frame = frame_of(visit, self._page, self._web)
        text = render(
            template or self._page.template,
            **{"frame": frame, "visit": visit, **context, "title": title},
        )
        response.set_header("X-Admin-Calls", str(len(visit.calls)))
        show(request, response, text, status)
        return text

    def _refuse(
        self,
        request: falcon.Request,
        response: falcon.Response,
        visit: Visit,
        error: ApiError,
    ) -> None:
        """Answer for a call that was refused; whose password has changed has to log in again."""
        if error.status == 401:
            lead_back_to_login(self._web, request, response, visit)
            return
        show_problem(request, response, error, frame=frame_of(visit, self._page, self._web))


def _drawn(request: falcon.Request, visit: Visit) -> DrawnPage | None:
    """Return what a poll was answered with last, if the same would be drawn."""
    drawn = visit.session.drawn
    if visit.recent is None or drawn is None:
        return None
    return drawn if drawn.is_what(request, visit.answers) else None
