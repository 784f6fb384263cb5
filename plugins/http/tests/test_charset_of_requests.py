"""A body that a format reads is in UTF-8, whatever charset its content type has."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hansa import Invalid, Request, Response, load
from hansa.plugins.registry import Registry
from hansa_http.channel import HttpChannel


def request_at_the_route(content: bytes, content_type: str, format: str) -> Request:
    registry = Registry()
    registry.add_types("http", [HttpChannel])
    given = {"service": "s.s", "url_path": "/s", "format": format}
    server: Any = SimpleNamespace()
    config: Any = load(registry.type("channel", "http").model, given)
    channel = HttpChannel("s", config, server)
    dispatched: list[Request] = []

    def dispatch(request: Request) -> Response:
        dispatched.append(request)
        return Response()

    channel.dispatch = dispatch
    channel.answer(Request(content, environ={"CONTENT_TYPE": content_type}))
    return dispatched[0]


@pytest.mark.parametrize(
    ("encoding", "content_type", "declared"),
    [
        ("latin-1", "text/xml; charset=ISO-8859-1", "utf-8"),
        ("utf-8", "text/xml; charset=utf-8", "iso-8859-1"),
        ("utf-16", "application/xml; charset=utf-16", "utf-16"),
    ],
)
def test_the_charset_of_the_content_type_counts(
    encoding: str, content_type: str, declared: str
) -> None:
    document = f'<?xml version="1.0" encoding="{declared}"?><a>gr\xfcn</a>'
    sent = document.encode(encoding)
    raw = request_at_the_route(sent, content_type, "xml").raw
    if encoding != "utf-16":  # a byte order mark counts more
        assert raw == document.replace(declared, "utf-8").encode()
    assert request_at_the_route(sent, content_type, "").raw == sent


def test_a_charset_that_is_not_known_is_a_fault_of_the_message() -> None:
    request = request_at_the_route(b"<a/>", "text/xml; charset=none-such", "xml")
    assert isinstance(request.fault, Invalid)
