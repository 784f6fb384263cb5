"""The header Vary, which tells caches on what a response depends (RFC 9110, section 12.5.5)."""

from __future__ import annotations

from hansa import Response


def add_vary(response: Response, field: str) -> None:
    """Add a field of requests to those that a response depends on."""
    for name, value in response.headers.items():
        if name.lower() == "vary":
            response.headers[name] = f"{value}, {field}"
            return
    response.headers["Vary"] = field
