"""The description of the API: `openapi.json` for programs, and a page that shows it to people.

The page makes no foreign request.
"""

from __future__ import annotations

from hansa import NotFound

from .api import AdminEndpoint, write_json
from .openapi import openapi
from .operation import Operation

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Hansa: admin API</title>
<link rel="stylesheet" href="/hansa/api/docs/swagger-ui.css">
<link rel="icon" type="image/png" href="/hansa/api/docs/favicon-32x32.png">
</head>
<body>
<div id="api"></div>
<script src="/hansa/api/docs/swagger-ui-bundle.js"></script>
<script src="/hansa/api/docs/start.js"></script>
</body>
</html>
"""

START = """SwaggerUIBundle({
  url: "/hansa/api/openapi.json",
  dom_id: "#api",
  deepLinking: true,
  docExpansion: "none",
  filter: true,
  validatorUrl: null,
  displayRequestDuration: true,
  defaultModelsExpandDepth: -1
});
"""

FILES = {
    "swagger-ui.css": "text/css; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "favicon-32x32.png": "image/png",
}


class Page(AdminEndpoint):
    """What is read with GET: no frame, no guessing of types, no foreign source."""

    abstract = True

    def answer(self, content: bytes, content_type: str, cache: str = "no-store") -> bytes:
        """Set the headers and return the content."""
        self.response.content_type = content_type
        self.response.headers.update(
            {
                "Cache-Control": cache,
                "Content-Security-Policy": POLICY,
                "Referrer-Policy": "no-referrer",
                "X-Frame-Options": "DENY",
            }
        )
        return content


class OpenApi(Page):
    """Describe every admin service, and the typed services behind HTTP channels, as OpenAPI 3.1."""

    name = "admin.openapi"

    def handle(self) -> bytes:
        """Return the document."""
        classes = [service.cls for service in self.server.registry.services()]
        operations = [cls for cls in classes if issubclass(cls, Operation)]
        return self.answer(write_json(openapi(operations, self.server)), "application/json")


class Docs(Page):
    """Show the API's description in a browser."""

    name = "admin.docs"

    def handle(self) -> bytes:
        """Return the page."""
        return self.answer(PAGE.encode(), "text/html; charset=utf-8")


class DocsFile(Page):
    """Serve a file that the page needs."""

    name = "admin.docs.file"

    def handle(self) -> bytes:
        """Return the file; raises `NotFound`."""
        parameters = self.request.extra.get("path_params", self.request.params)
        file = str(parameters.get("file"))
        if file == "start.js":
            return self.answer(START.encode(), "text/javascript; charset=utf-8")
        if file not in FILES:
            raise NotFound(f"there is no file {file!r} here")
        # it is a large package, and most servers never show the page
        from openapi_ui_bundles import swagger_ui

        content = (swagger_ui.static_path / file).read_bytes()
        return self.answer(content, FILES[file], "private, max-age=86400")
