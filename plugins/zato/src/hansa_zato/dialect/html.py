"""Services that answer with a page, made of a template of Django."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import ClassVar, Final

from hansa import Unavailable

from .service import Service

CONTENT_TYPE: Final = "text/html; charset=utf-8"
_configuring: Final = threading.Lock()


class HTMLService(Service):
    """A service that has `set_html_payload`."""

    abstract: ClassVar[bool] = True

    def set_html_payload(self, ctx: Mapping[str, object], template: str) -> None:
        """Answer with the text of a template in which the names of `ctx` stand for their values.

        What is inserted is escaped. Templates include no others, and load no libraries of tags.
        Raises `Unavailable` where Django is not installed, and what Django raises for a faulty
        template.
        """
        try:
            from django.template import Context, Engine  # lazy: few services make pages
        except ImportError:
            raise Unavailable("templates need Django: install hansa-zato[html]") from None
        _configure()
        context = Context(dict(ctx), use_l10n=False, use_tz=False)
        self.response.payload = str(Engine().from_string(template).render(context))
        self.response.content_type = CONTENT_TYPE


def _configure() -> None:
    """Give Django settings, for filters such as floatformat, unless a source has done so."""
    from django.conf import settings

    with _configuring:
        if not settings.configured:
            settings.configure(USE_I18N=False, USE_TZ=False)
