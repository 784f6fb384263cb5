"""The texts of the module of the pages, which a page in another language than English brings along."""

from __future__ import annotations

from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from .language.texts import gettext, gettext_noop

MODULE_TEXTS = (
    gettext_noop("as of {time}"),
    gettext_noop("stale since {time}"),
    gettext_noop("Go on live"),
    gettext_noop("Pause"),
    gettext_noop("{count} selected"),
    gettext_noop("Copy"),
    gettext_noop("copied"),
)
"""What `web.js` says, by `say` of the English text."""


def module_texts() -> Markup:
    """Return the texts in the language of the user, by the English ones, as JSON."""
    return htmlsafe_json_dumps({text: gettext(text) for text in MODULE_TEXTS})
