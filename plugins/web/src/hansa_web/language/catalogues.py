"""The languages that pages have: a catalogue of gettext for each, `locales/LANGUAGE.po`."""

from __future__ import annotations

import logging
from functools import cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from io import BytesIO
from typing import Final

from .pseudo import PSEUDO, PseudoTranslations

log = logging.getLogger("hansa.web")
SOURCE: Final = "en"
"""The language that texts are written in."""
FOLDER: Final = "locales"
SUFFIX: Final = ".po"
_packages = ["hansa_web"]
"""Packages whose catalogues are read, in order."""


@cache
def languages() -> tuple[str, ...]:
    """Return the languages that a user may choose, by their tags (BCP 47)."""
    found = (one.name for one in files("hansa_web").joinpath(FOLDER).iterdir())
    tags = (name.removesuffix(SUFFIX) for name in found if name.endswith(SUFFIX))
    return SOURCE, *sorted(tags)


def is_language(tag: str) -> bool:
    """Whether pages can be written in a language; the pseudo-language is one, too."""
    return tag in languages() or tag == PSEUDO


def add_texts_of(package: str) -> None:
    """Have the texts of a package translated by its own catalogues, if it has some: `locales` in it."""
    if package not in _packages and files(package).joinpath(FOLDER).is_dir():
        _packages.append(package)
        translations.cache_clear()


@cache
def translations(language: str) -> NullTranslations:
    """Return the translations into a language; a text without one stays as it is.

    PERF: Babel is imported, and a catalogue compiled, when somebody reads that language first: 0.1 s
    that neither the start nor pages in English take.
    """
    if language == SOURCE:
        return NullTranslations()
    if language == PSEUDO:
        return PseudoTranslations()
    found = NullTranslations()
    for package in _packages:
        source = files(package).joinpath(FOLDER, f"{language}{SUFFIX}")
        if not source.is_file():
            continue
        try:
            found.add_fallback(_compiled(source.read_bytes(), language))
        except Exception:  # that of a plugin costs no other its texts
            log.exception("the catalogue %s of %s is left out", source.name, package)
    return found


def _compiled(source: bytes, language: str) -> GNUTranslations:
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    compiled = BytesIO()
    write_mo(compiled, read_po(BytesIO(source), locale=language.replace("-", "_")))
    compiled.seek(0)
    return GNUTranslations(compiled)


@cache
def language_name(language: str) -> str:
    """Return the name of a language in itself, such as `Deutsch`."""
    from babel import Locale

    found = Locale.parse(language, sep="-")
    name = found.get_display_name(found) or language
    return name[:1].upper() + name[1:]


@cache
def direction(language: str) -> str:
    """Return where lines of a language begin: `ltr`, from the left, or `rtl`, from the right."""
    if language in (SOURCE, PSEUDO):
        return "ltr"
    from babel import Locale

    return Locale.parse(language, sep="-").text_direction
