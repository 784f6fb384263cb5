"""The style sheet, the module and the icon: served as written, under an address that changes with
them.
"""

from __future__ import annotations

import falcon

from .rendering import digest, static

TYPES = {
    "web.css": "text/css; charset=utf-8",
    "web.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
"""The files that are served, and their types."""


class StaticFile:
    """`/static/DIGEST/NAME`."""

    def on_get(
        self, request: falcon.Request, response: falcon.Response, digest: str, name: str
    ) -> None:
        """Answer with a file, which browsers keep for a year."""
        if name not in TYPES or digest != _digest(name):
            raise falcon.HTTPNotFound
        response.content_type = TYPES[name]
        response.data = static(name)
        response.set_header("Cache-Control", "public, max-age=31536000, immutable")


def _digest(name: str) -> str:
    return digest(name)
