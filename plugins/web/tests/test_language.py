"""Pages in other languages: which one is chosen, how it writes numbers and times, whether every text is
translated, and whether the layout holds longer texts.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextvars import copy_context
from datetime import UTC, datetime
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po
from hansa_devkit.harness.api_server import RunningServer
from hansa_web.language import catalogues
from hansa_web.language.accepted import accepted
from hansa_web.language.catalogues import language_name, languages
from hansa_web.language.pseudo import BEGIN, PSEUDO, pseudo
from hansa_web.language.texts import counted, gettext
from hansa_web.module_texts import MODULE_TEXTS
from hansa_web.pages.jobs import PREVIEWED
from hansa_web.pages.lists import STATES
from hansa_web.pages.messages import LEVELS
from hansa_web.pages.statistics import BY, SPANS
from hansa_web.rendering import milliseconds, static, thousands, when
from hansa_web.view import COOKIE, View, use_view
from playwright.sync_api import Browser as Chromium

from plugins.web.tests.conftest import CLUSTER, Browser
from plugins.web.tests.marked import marked_texts, unmarked
from plugins.web.tests.real_browser import Listening, log_in
from plugins.web.tests.shown import EMPTY
from tests.chromium import needs_chromium
from tools.catalogues import LOCALES, TEMPLATE, extracted, written

TAG = re.compile(r"<[^>]*>")
API_WORDS = {*SPANS, *BY, *STATES, *LEVELS, *PREVIEWED, "unknown", "waiting", "class"}
"""Words of the API that pages offer to choose from; they are the same in every language."""
SAID = re.compile(r'say\("([^"]+)"')


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5", "en"),
        ("en;q=0.1, DE;q=0.2", "de"),
        ("de;q=0", "en"),
        ("de;q=much", "en"),
        ("fr", "en"),
        ("*", "en"),
        (",;q=1,,-", "en"),
        (",".join(["fr"] * 20 + ["de"]), "en"),
        ("den", "en"),
        ("-" * 1_000_000, "en"),  # takes hours if each part is looked up with all before it
        ("de" + "-x" * 500_000, "de"),
    ],
)
def test_the_browser_gets_the_language_that_it_prefers(header: str, language: str) -> None:
    assert accepted(header, ("en", "de")) == language


def test_a_country_is_more_to_the_point_than_its_language() -> None:
    assert accepted("pt-br-x-y", ("en", "pt", "pt-BR")) == "pt-BR"
    assert accepted("pt-AO", ("en", "pt", "pt-BR")) == "pt"


def test_pages_are_in_the_language_that_the_browser_asks_for(
    browser: Browser, stranger: Browser
) -> None:
    german = {"Accept-Language": "de-DE,de;q=0.9"}
    assert '<html lang="en" class=' in browser.get(f"/{CLUSTER}").text
    page = browser.get(f"/{CLUSTER}", **german).text
    assert '<html lang="de" class=' in page
    assert "<h1>Übersicht</h1>" in page and ">Ausgehende Verbindungen</a>" in page
    assert ">Anmelden</button>" in stranger.get("/login", **german).text
    assert "gibt es nichts" in stranger.get("/nowhere/at/all", **german).text
    fields = {"cluster": CLUSTER, "user": "admin", "password": "wrong"}
    refused = stranger.post("/login", fields, **german)
    assert "Benutzer oder Passwort ist nicht richtig." in refused.text


def test_a_live_part_is_not_drawn_in_the_language_of_another_browser(browser: Browser) -> None:
    live = {"X-Live": "1"}
    browser.get(f"/{CLUSTER}/queue", **live)
    german = browser.get(f"/{CLUSTER}/queue", **live, **{"Accept-Language": "de"})
    assert "Warteschlange" in german.text
    assert "Asynchronous calls wait" in browser.get(f"/{CLUSTER}/queue", **live).text


def test_a_user_may_choose_another_language_than_the_browser_asks_for(browser: Browser) -> None:
    here = f"/{CLUSTER}/me"
    page = browser.get(here).text
    assert '<option value="de" lang="de">Deutsch</option>' in page
    fields = {"action": "view", "zone": "UTC", "theme": "dark", "density": "compact"}
    browser.post(here, {**fields, "language": "de"})
    page = browser.get(here, **{"Accept-Language": "en"}).text
    assert '<html lang="de"' in page and "Die Seiten sehen jetzt so aus." in page
    assert '<option value="de" lang="de" selected>' in page
    browser.post(here, {**fields, "language": ""})
    assert '<html lang="en"' in browser.get(here, **{"Accept-Language": "en"}).text
    browser.post(here, {**fields, "language": "xx"})
    assert '<html lang="en"' in browser.get(here, **{"Accept-Language": "en"}).text


def test_what_is_said_of_a_call_that_fails_is_in_the_language_of_the_user(browser: Browser) -> None:
    answer = browser.get(f"/{CLUSTER}/changes/x", **{"Accept-Language": "de"})
    assert answer.status_code == 404
    assert "es gibt keine Revision x" in answer.text and "Nicht gefunden" in answer.text


def in_german(call: Callable[..., object], *given: object) -> str:
    """Return what a function returns for a user who reads German, in Berlin."""
    context = copy_context()
    context.run(use_view, View(zone="Europe/Berlin", language="de"))
    return str(context.run(call, *given))


def test_numbers_and_times_are_as_the_language_writes_them() -> None:
    moment = datetime(2026, 11, 30, 13, 3, 7, tzinfo=UTC).timestamp()
    assert ">30.11.2026, 14:03:07 CET</time>" in in_german(when, moment)
    assert 'datetime="2026-11-30T13:03:07Z"' in in_german(when, moment)
    assert in_german(thousands, 1234567) == "1.234.567"
    assert in_german(milliseconds, 1.234) == "1,23 ms"
    assert in_german(counted, 1, "%(num)s message", "%(num)s messages") == "1 Nachricht"
    assert in_german(counted, 2000, "%(num)s message", "%(num)s messages") == "2.000 Nachrichten"
    assert in_german(gettext, "Queue") == "Warteschlange"
    assert in_german(gettext, "") == ""
    assert in_german(gettext, "100 % of something else") == "100 % of something else"
    assert language_name("de") == "Deutsch"


def test_the_texts_of_a_plugin_are_translated_by_its_own_catalogues(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "hansa_ferry"
    (folder / "locales").mkdir(parents=True)
    (folder / "__init__.py").touch()
    entries = (("Ferry", "Fähre"), ("Queue", "Schlange der Fähre"))
    texts = [f'msgid "{text}"\nmsgstr "{other}"\n' for text, other in entries]
    (folder / "locales" / "de.po").write_text("\n".join(texts))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(catalogues, "_packages", ["hansa_web"])
    try:
        assert in_german(gettext, "Ferry") == "Ferry"
        catalogues.add_texts_of("hansa_ferry")
        assert in_german(gettext, "Ferry") == "Fähre"
        assert in_german(gettext, "Queue") == "Warteschlange"
    finally:
        catalogues.translations.cache_clear()


@pytest.mark.parametrize("content", [b'msgid "Ferry"\nmsgstr "F\xe4hre"\n', b"\x00\xff"])
def test_a_faulty_catalogue_of_a_plugin_costs_no_other_its_texts(
    content: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder = tmp_path / "hansa_faulty_ferry"
    (folder / "locales").mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "locales" / "de.po").write_bytes(content)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(catalogues, "_packages", ["hansa_web"])
    try:
        catalogues.add_texts_of("hansa_faulty_ferry")
        assert in_german(gettext, "Queue") == "Warteschlange"
        assert in_german(gettext, "Ferry") == "Ferry"
    finally:
        catalogues.translations.cache_clear()
    assert "the catalogue de.po of hansa_faulty_ferry is left out" in caplog.text


def test_the_template_has_the_texts_of_the_source() -> None:
    assert TEMPLATE.read_text() == written(extracted()), "python -m tools.catalogues"


@pytest.mark.parametrize("language", languages()[1:])
def test_every_text_is_translated_with_its_values_and_marks(language: str) -> None:
    with (LOCALES / f"{language}.po").open("rb") as file:
        found = read_po(file, locale=language)
    assert ids(found) == ids(extracted()), "python -m tools.catalogues"
    assert "\n".join(fault for one in found if one.id for fault in faults_of(one)) == ""


def ids(catalogue: Catalog) -> set[object]:
    """Return the texts of a catalogue."""
    return {one.id for one in catalogue if one.id}


def faults_of(message: Message) -> list[str]:
    """Return what is wrong with a translation."""
    own = [message.id] if isinstance(message.id, str) else list(message.id)
    given = message.string or ""
    translated = [given] if isinstance(given, str) else list(given)
    if not all(translated):
        return [f"{own[0]}: is not translated"]
    values = {name for text in own for name in named(text)}
    found = [
        f"{text}: {', '.join(sorted(strange))}"
        for text in translated
        if (strange := named(text) - values)
    ]
    marks = sorted(TAG.findall(own[-1]))
    return found + [f"{text}: marks" for text in translated if sorted(TAG.findall(text)) != marks]


def named(text: str) -> set[str]:
    """Return the values that are put into a text; raises an error for a text that takes none."""
    braces = {name for _, name, _, _ in Formatter().parse(text) if name}
    seen = Seen()
    _ = text % seen if "%(" in text else text
    return braces | seen.names


class Seen(dict[str, str]):
    """Notes the values that a text asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __missing__(self, name: str) -> str:
        self.names.add(name)
        return ""


def test_the_module_says_nothing_that_is_not_translated() -> None:
    source = static("web.js").decode()
    assert sorted(set(SAID.findall(source))) == sorted(MODULE_TEXTS)
    assert not re.search(r'textContent = (?:["`]|\w+ \? ["`])', source)


def test_the_pseudo_language_keeps_values_and_marks() -> None:
    text = 'Revision <a href="%(path)s">%(revision)s</a> &amp; 5 %%'
    assert pseudo("as of {time}") == "⟦ås öf {time}⟧"
    assert pseudo(text) == '⟦Révîsîöñééé <a href="%(path)s">%(revision)s</a> &amp; 5 %%⟧'


def test_every_text_on_every_page_is_marked(
    browser: Browser, shown: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [*shown, *EMPTY]
    data = marked_texts(
        monkeypatch, browser.api, [CLUSTER, *API_WORDS, *map(language_name, languages())]
    )
    browser.cookies[COOKIE] = f"language={PSEUDO}"
    found = []
    for path in paths:
        page = browser.get(f"/{CLUSTER}{path}").text
        found += [f"{path}: {text}" for text in unmarked(page, data)]
    assert "\n".join(found) == ""


@needs_chromium
def test_no_page_scrolls_sideways_with_longer_texts(
    chromium: Chromium, web: Listening, server: RunningServer, shown: list[str]
) -> None:
    context = chromium.new_context(viewport={"width": 360, "height": 600})
    page = context.new_page()
    log_in(page, web.url, server.password)
    context.add_cookies([{"name": COOKIE, "value": f"language={PSEUDO}", "url": web.url}])
    found = []
    for path in shown:
        page.goto(f"{web.url}/tests{path}")
        assert page.evaluate("document.documentElement.lang") == PSEUDO, path
        if page.evaluate("document.documentElement.scrollWidth") > 360:
            found.append(f"{path}: wider than 360")
    page.goto(f"{web.url}/tests")
    told = page.locator("[data-told]").first
    told.wait_for()
    assert told.inner_text().startswith(BEGIN)
    context.close()
    assert "\n".join(found) == ""
