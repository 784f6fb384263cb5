"""The description of the services behind HTTP channels, for those who call them: as an OpenAPI
document, and as a page.
"""

from __future__ import annotations

from typing import Annotated

from hansa import Model, setting

from .api import write_json
from .openapi import openapi_of_routes
from .pages import Page
from .published import PublishedRoute, published_routes
from .user_page import render_page


class Selection(Model):
    """Which operations are described."""

    tag: Annotated[str, setting("Only operations with this tag, the module of their service")] = ""
    path: Annotated[str, setting("Only this path, and those below it", example="/orders")] = ""

    def takes(self, route: PublishedRoute) -> bool:
        """Whether a route is described."""
        if self.tag and route.tag != self.tag:
            return False
        path = self.path.rstrip("/")
        return not path or route.path == path or route.path.startswith(f"{path}/")


class UserPage(Page):
    """What describes the routes that a request selects."""

    abstract = True
    Input = Selection

    def routes(self) -> list[PublishedRoute]:
        """Return the routes that are described, by path and method."""
        selection: Selection = self.request.input
        found = [route for route in published_routes(self.server) if selection.takes(route)]
        return sorted(found, key=lambda route: (route.path, route.method))


class UserOpenApi(UserPage):
    """Describe the typed services behind HTTP channels as OpenAPI 3.1, all or by tag or path."""

    name = "openapi.document"

    def handle(self) -> bytes:
        """Return the document."""
        document = openapi_of_routes(self.routes(), self.server)
        return self.answer(write_json(document), "application/json")


class UserApiPage(UserPage):
    """Show the typed services behind HTTP channels in a browser, all or by tag or path."""

    name = "openapi.page"

    def handle(self) -> bytes:
        """Return the page."""
        selection: Selection = self.request.input
        routes = self.routes()
        document = openapi_of_routes(routes, self.server)
        tags = sorted({route.tag for route in published_routes(self.server)})
        page = render_page(document, tags, selection.tag, selection.path)
        return self.answer(page.encode(), "text/html; charset=utf-8")
