"""Pages that services make of templates of Django."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from zato.server.service.internal.helpers import HTMLService

from plugins.zato.tests.facade import Facade

TEMPLATE = (
    "<ul>{% for each in names %}<li>{{ each|upper }}</li>{% endfor %}</ul>"
    "{{ number }} {{ at|date:'Y' }}"
)


def page(template: str, **context: Any) -> Any:
    """A service that makes one page."""

    def handle(self: Any) -> None:
        self.set_html_payload(context, template)

    return type("Page", (HTMLService,), {"handle": handle})


def test_a_page(server: Facade) -> None:
    response = server.call(page(TEMPLATE, names=["ż", "<b>"], number=1234.5), "", "")
    assert response.raw.decode() == "<ul><li>Ż</li><li>&lt;B&gt;</li></ul>1234.5 "
    assert (response.status, response.content_type) == (200, "text/html; charset=utf-8")


def test_filters_that_ask_for_settings(server: Facade) -> None:
    response = server.call(page("{{ price|floatformat:2 }} {{ n }}", price=2.5, n=1000), "", "")
    assert response.raw == b"2.50 1000"


@pytest.mark.parametrize("template", ["{% if %}", "{% load static %}", "{% include 'a' %}"])
def test_what_a_template_cannot_do(server: Facade, template: str) -> None:
    response = server.call(page(template), "", "")
    assert (response.status, response.raw) == (500, b"An error has occurred")


def test_without_django(server: Facade, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "django.template", None)
    response = server.call(page("x"), "", "")
    assert response.status == 503
