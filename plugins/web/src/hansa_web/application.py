"""The WSGI application: the routes of the pages, of the login, of files, and of the API that is
relayed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import falcon

from .answers import show_failure, show_not_found
from .api import PREFIX, ClusterApi
from .guard import SecurityHeaders
from .icon import ClusterIcon
from .login import ClusterList, LoginPage, Logout
from .page_resource import PageResource
from .pages import PAGES
from .plugin_pages import plugin_pages
from .relay import Relay
from .settings import WebSection
from .static_files import StaticFile
from .view import ViewMiddleware
from .web import Web


def build(section: WebSection, clusters: Iterable[ClusterApi]) -> falcon.App[Any, Any]:
    """Return the application that shows these clusters."""
    pages = (*PAGES, *plugin_pages())
    web = Web(section, {api.name: api for api in clusters}, pages)
    app = falcon.App(middleware=[SecurityHeaders(section.hsts)])
    app.add_middleware(ViewMiddleware())
    app.req_options.strip_url_path_trailing_slash = True
    app.add_route("/", ClusterList(web))
    app.add_route("/login", LoginPage(web))
    app.add_route("/logout", Logout(web))
    app.add_route("/static/icon/{name}", ClusterIcon())
    app.add_route("/static/{digest}/{name}", StaticFile())
    for page in web.pages:
        app.add_route(page.route, PageResource(web, page))
    app.add_sink(Relay(web), PREFIX)
    app.add_error_handler(Exception, show_failure)
    app.add_error_handler(falcon.HTTPNotFound, show_not_found)
    app.add_error_handler(falcon.HTTPError, show_not_found)
    return app
