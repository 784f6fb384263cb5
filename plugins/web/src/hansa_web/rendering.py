"""Templates: what all pages share, and how values are written."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache, lru_cache
from importlib.resources import files

from jinja2 import ChainableUndefined, ChoiceLoader, Environment, FunctionLoader, PackageLoader
from markupsafe import Markup, escape

from .language import values
from .language.catalogues import direction
from .language.texts import counted, current_translations, gettext, gettext_noop
from .module_texts import module_texts
from .view import current_view

SHAPES = {
    "running": ("●", "good"),
    "ready": ("●", "good"),
    "active": ("●", "good"),
    "up": ("●", "good"),
    "ok": ("●", "good"),
    "loaded": ("●", "good"),
    "starting": ("◐", "info"),
    "pending": ("◐", "info"),
    "behind": ("◐", "warn"),
    "drain": ("◐", "warn"),
    "retrying": ("▲", "warn"),
    "failed": ("■", "bad"),
    "silent": ("■", "bad"),
    "quarantined": ("■", "bad"),
    "unplaced": ("■", "bad"),
    "down": ("■", "bad"),
    "inactive": ("○", "idle"),
    "blocked": ("○", "idle"),
    "maint": ("○", "idle"),
    "elsewhere": ("◇", "idle"),
    "gone": ("○", "idle"),
}
"""A shape and a tone for each state, beside its word."""
UNKNOWN = ("?", "idle")
ABBREVIATIONS = {
    word.lower(): word
    for word in (
        "API",
        "CA",
        "cid",
        "CORS",
        "CRL",
        "DN",
        "HTTP",
        "ID",
        "IDs",
        "JWKS",
        "JSON",
        "MTOM",
        "OpenAPI",
        "SHA1",
        "SOAP",
        "TLS",
        "TTL",
        "URL",
        "WS",
        "WSDL",
        "XML",
    )
}
"""Abbreviations in the names of settings, as they are written."""


class PageEnvironment(Environment):
    """The templates' environment, in which `found["items"]` is never the method of a dictionary."""

    def getitem(self, obj: object, argument: object) -> object:
        """Return what an object has under a key; of a dictionary without it, undefined."""
        if isinstance(obj, Mapping):
            return obj[argument] if argument in obj else self.undefined(obj=obj, name=str(argument))
        return super().getitem(obj, argument)


@cache
def environment() -> Environment:
    """Return the environment of the templates; everything is escaped.

    What an API of another version leaves out is shown as nothing, and does not cost the page.
    """
    found = PageEnvironment(
        loader=ChoiceLoader([PackageLoader("hansa_web"), FunctionLoader(_of_plugin)]),
        autoescape=True,
        undefined=ChainableUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    found.filters.update(
        state=state,
        when=when,
        age=age,
        words=words,
        duration=duration,
        thousands=thousands,
        decimal=values.decimal,
        shown=shown,
        milliseconds=milliseconds,
        pretty=pretty,
    )
    found.globals.update(
        asset=asset,
        view=current_view,
        direction=direction,
        counted=counted,
        module_texts=module_texts,
    )
    # what `{% trans %}` writes is a call with values, in place of a text and a `%` behind it
    found.newstyle_gettext = True  # type: ignore[attr-defined]  # the extension has added it
    # PERF: those of Jinja2 look each other up by name and escape what is put in by a class of Python:
    # 5 µs for a text, and a list of 50 rows has 100 of them
    found.globals.update(gettext=_text, _=_text, ngettext=_plural, translated=_translated)
    return found


def _text(message: str, **values: object) -> Markup:
    """Return a text of a template in the language of the user, with escaped values in it.

    The text itself is not escaped: a value that is translated is `translated(value)`.
    """
    found = current_translations().gettext(message) if message else ""
    return _filled(found, values) if values else _plain(found)


def _translated(value: str) -> Markup:
    """Return the text that a value is in the language of the user, escaped."""
    return escape(gettext(value))


def _plural(singular: str, plural: str, num: int, **values: object) -> Markup:
    """Return the text for a number, with escaped values in it."""
    found = current_translations().ngettext(singular, plural, num)
    return _filled(found, {"num": num, **values})


@lru_cache(4096)
def _plain(found: str) -> Markup:
    return Markup(found % ())


def _filled(found: str, values: Mapping[str, object]) -> Markup:
    return Markup(found % {name: escape(value) for name, value in values.items()})


def _of_plugin(name: str) -> str | None:
    """Return the source of a template of a plugin, `PACKAGE:FILE`; None if there is none."""
    package, _, file = name.partition(":")
    if not file or ".." in file:
        return None
    found = files(package) / "templates" / file
    return found.read_text() if found.is_file() else None


def render(template: str, **context: object) -> str:
    """Return a page."""
    return environment().get_template(template).render(context)


@cache
def static(name: str) -> bytes:
    """Return a file that is served as written; raises FileNotFoundError."""
    return (files("hansa_web") / "static" / name).read_bytes()


@cache
def digest(name: str) -> str:
    """Return a part of the SHA-256 of a file, which changes its address when it changes."""
    return hashlib.sha256(static(name)).hexdigest()[:16]


def asset(name: str) -> str:
    """Return the address of a file that is served as written."""
    return f"/static/{digest(name)}/{name}"


# -- how values are written ------------------------------------------------------------------------


def state(word: str) -> Markup:
    """Return a state as a shape and a word."""
    shape, tone = SHAPES.get(str(word).lower(), UNKNOWN)
    # PERF: `Markup.format` takes 8 µs
    said = f'<span aria-hidden="true">{shape}</span> {escape(word)}'
    return Markup(f'<span class="state {tone}">{said}</span>')


def when(moment: float | str | None) -> Markup:
    """Return a time, of seconds of the epoch or ISO 8601, as a `time` in the zone of the user, with UTC
    as its title; a dash for none.
    """
    if not moment:
        return Markup("–")
    if isinstance(moment, str):
        try:
            found = datetime.fromisoformat(moment.replace("Z", "+00:00"))
            # one without an offset is in UTC
            found = found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)
        except (ValueError, OverflowError):
            return Markup("{}").format(moment)
    else:
        found = datetime.fromtimestamp(moment, UTC)
    iso = found.strftime("%Y-%m-%dT%H:%M:%SZ")
    text = values.moment(found)
    return Markup(f'<time datetime="{iso}" title="{iso}">{escape(text)}</time>')


def age(moment: float | None) -> str:
    """Return how long ago a time was."""
    if not moment:
        return ""
    return gettext("%(duration)s ago", duration=duration(max(0.0, time.time() - moment)))


def duration(seconds: float) -> str:
    """Return a duration in seconds as a number with its unit."""
    for size, text in _UNITS:
        if seconds >= size:
            return gettext(text, number=round(seconds / size))
    return gettext("%(number)s s", number=round(seconds))


_UNITS = (
    (86400, gettext_noop("%(number)s d")),
    (3600, gettext_noop("%(number)s h")),
    (60, gettext_noop("%(number)s min")),
)
"""Seconds of units of time, the longest first."""


def milliseconds(value: float | None) -> str:
    """Return milliseconds with three digits or so; a dash for none."""
    if value is None:
        return "–"
    if value < 1000:
        return values.decimal(f"{value:.3g}") + " ms"
    return values.decimal(f"{value / 1000:.3g}") + " s"


def thousands(value: float) -> str:
    """Return a number with its thousands apart."""
    return values.whole(value) if not isinstance(value, bool) else shown(value)


def words(name: str) -> str:
    """Return the name of a setting in words, abbreviations of the field in capitals."""
    found = name.replace("_", " ").split(" ")
    return " ".join(ABBREVIATIONS.get(word, word) for word in found)


def shown(value: object) -> str:
    """Return a value of a setting as text: texts as they are, everything else as JSON."""
    if value is None:
        return gettext("none")
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def pretty(value: object) -> str:
    """Return a value to read: text as it is, everything else as indented JSON."""
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
