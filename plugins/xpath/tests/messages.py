"""Messages as callers write them, by code of the tests' own."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

AUTH = "urn:example:auth"
PATHS = {
    "username_expr": "/order/a:login/@user",
    "password_expr": "//a:login/a:password",
    "namespaces": {"a": AUTH},
}


def order(user: str = "alice", password: str = "correct horse", more: str = "") -> bytes:
    """An order with credentials; `more` stands after them."""
    login = f"<x:login user={quoteattr(user)}><x:password>{escape(password)}</x:password></x:login>"
    text = f'<order xmlns:x="{AUTH}">{login}{more}<sku>007</sku></order>'
    return text.encode("utf-8", "surrogatepass")
