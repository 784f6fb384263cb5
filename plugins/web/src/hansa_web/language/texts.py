"""Texts in the language of the user whose request is answered.

`gettext` and `ngettext` take a text in English with `%(name)s` for each value; where there are values,
a percent sign is `%%`. Babel finds the texts by these names, and by `gettext_noop` and `counted`.
"""

from __future__ import annotations

from gettext import NullTranslations
from typing import TypeVar

from ..view import current_view
from .catalogues import translations
from .values import whole

Text = TypeVar("Text", bound=str)


def gettext(message: str, **values: object) -> str:
    """Return a text."""
    # the translation of the empty text is the head of the catalogue
    found = current_translations().gettext(message) if message else ""
    return found % values if values else found


def ngettext(singular: str, plural: str, num: float, **values: object) -> str:
    """Return the text for a number, which is `%(num)s` in it; a fraction has the plural of 2."""
    whole_number = int(num) if num == int(num) else 2
    found = current_translations().ngettext(singular, plural, whole_number)
    return found % {"num": whole(num), **values}


def gettext_noop(message: Text) -> Text:
    """Return a text as it is: it is translated where it is shown."""
    return message


def counted(num: float, singular: str, plural: str) -> str:
    """Return a number of things, such as `1 message` and `2,000 messages`."""
    return ngettext(singular, plural, num)


def current_translations() -> NullTranslations:
    """Return the translations into the language of the user."""
    return translations(current_view().language)
