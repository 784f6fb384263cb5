"""What all routes of the web admin share: its clusters, their types, and who is logged in."""

from __future__ import annotations

from collections.abc import Mapping

import falcon

from .api import ClusterApi
from .catalogue import Catalogue
from .kept_forms import KeptForms
from .page import Page
from .recent import RecentAnswers
from .sessions import Session, Sessions
from .settings import WebSection, split_address
from .view import COOKIE, YEAR, View


class Web:
    """The pages; the clusters by name, the catalogue and the recent answers of each; the sessions, and
    the forms that wait for a password.
    """

    def __init__(
        self, section: WebSection, clusters: Mapping[str, ClusterApi], pages: tuple[Page, ...]
    ) -> None:
        self.clusters = dict(clusters)
        self.pages = pages
        self.catalogues = {name: Catalogue(api) for name, api in clusters.items()}
        self.recent = {name: RecentAnswers(api) for name, api in clusters.items()}
        self.sessions = Sessions(section.session_idle, section.session_max)
        self.kept = KeptForms()
        self.is_secure = bool(section.certificate)
        # cookies ignore ports, so that the port is in the name
        port = split_address(section.address)[1] if section.address else 0
        self.cookie = f"{'__Host-' if self.is_secure else ''}hansa-{port}"

    def token(self, request: falcon.Request) -> str:
        """Return the token of the session that a request names; empty if it names none."""
        values = request.get_cookie_values(self.cookie) or [""]
        return values[0]

    def session(self, request: falcon.Request) -> Session | None:
        """Return the session of a request; one that asks for live parts again does not keep it."""
        return self.sessions.find(self.token(request), is_use=not is_poll(request))

    def remember(self, response: falcon.Response, token: str) -> None:
        """Give the browser the token of its session."""
        response.set_cookie(
            self.cookie,
            token,
            secure=self.is_secure,
            http_only=True,
            same_site="Lax",
            path="/",
        )

    def remember_view(self, response: falcon.Response, view: View) -> None:
        """Give the browser how its user wants pages."""
        response.set_cookie(
            COOKIE,
            view.cookie(),
            max_age=YEAR,
            secure=self.is_secure,
            http_only=True,
            same_site="Lax",
            path="/",
        )

    def forget(self, response: falcon.Response) -> None:
        """Take the token from the browser."""
        response.unset_cookie(self.cookie, path="/", same_site="Lax")


def is_poll(request: falcon.Request) -> bool:
    """Whether the module of a page asks for its live parts again."""
    return request.method == "GET" and request.get_header("X-Live") == "1"
