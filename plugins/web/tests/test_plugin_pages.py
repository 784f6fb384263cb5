"""Pages of other plugins: the example of the documentation, and what is refused."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from hansa_devkit.harness.api_server import RunningServer
from hansa_web.page import Page
from hansa_web.pages import PAGES
from hansa_web.plugin_pages import fault_of, plugin_pages, unescaped
from hansa_web.rendering import environment

from plugins.web.tests.conftest import CLUSTER, Browser

DOCS = Path(__file__).parents[3] / "docs/plugins.md"
PATH = f"/{CLUSTER}/switched-off"


def example(language: str) -> str:
    """The example of a language in the part of the documentation about pages."""
    part = DOCS.read_text().partition("### Pages of the web admin")[2]
    found = re.search(rf"```{language}\n(.*?)```", part, re.DOTALL)
    assert found is not None
    return found[1]


def install(folder: Path, name: str, pages: str, **templates: str) -> None:
    """Lay out an installed package with pages."""
    package = folder / name
    (package / "templates").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "pages.py").write_text(pages)
    for file, text in templates.items():
        (package / "templates" / f"{file}.html").write_text(text)
    information = folder / f"{name}-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(f"[hansa.web]\n{name} = {name}.pages\n")


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the example is installed, and what else a test puts there."""
    install(tmp_path, "hansa_trouble", example("python"), switched_off=example("html"))
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    environment.cache_clear()
    for name in [name for name in sys.modules if name.startswith("hansa_trouble")]:
        del sys.modules[name]


def test_the_example_of_the_documentation(installed: Path, server: RunningServer) -> None:
    assert "hansa_trouble.pages" in example("toml")
    settings = {"sign": "OXZ", "code": "morse", "active": False}
    server.api("admin.outgoing.telegraph.create", name="dark", **settings)
    browser = Browser(server.url)
    browser.log_in(server.password)
    page = browser.get(PATH)
    assert page.status_code == 200, page.text
    assert f'<a href="{PATH}" aria-current="page">Switched off</a>' in page.text
    assert f'href="/{CLUSTER}/outgoing/telegraph/dark">dark</a>' in page.text
    assert browser.post(PATH, {"type": "telegraph", "name": "dark"}, token="").status_code == 403
    done = browser.post(PATH, {"type": "telegraph", "name": "dark"})
    assert done.status_code == 303, done.text
    assert "dark is switched on" in browser.get(PATH).text
    assert server.api("admin.outgoing.telegraph.get", name="dark")["active"] is True


def test_a_plugin_that_fails_costs_no_other_its_pages(
    installed: Path, caplog: pytest.LogCaptureFixture
) -> None:
    install(installed, "hansa_broken_pages", "raise OSError('no such library')")
    with caplog.at_level(logging.ERROR):
        assert [page.path for page in plugin_pages()] == ["/switched-off"]
    assert "hansa_broken_pages" in caplog.text and "no such library" in caplog.text


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"path": "orders"}, "is not a path"),
        ({"path": "/failed/groups/{id}"}, "another page has the path"),
        ({"path": "/{thing}/report"}, "cannot be used"),
        ({"path": "/ours/{for}"}, "cannot be used"),
        ({"path": "/ours/{cluster}"}, "cannot be used"),
        ({"group": "Extras"}, "there is no group"),
        ({"template": "hansa_trouble:none.html"}, "cannot be used"),
        ({"template": "no_such_package:x.html"}, "cannot be used"),
        ({"template": "hansa_trouble:script.html"}, "has a script"),
        ({"template": "hansa_trouble:broken.html"}, "cannot be used"),
        ({"template": "hansa_trouble:value.html"}, "has a value in _() in line 2"),
    ],
)
def test_what_is_wrong_with_a_page_is_said(
    installed: Path, changed: dict[str, str], fault: str
) -> None:
    templates = installed / "hansa_trouble" / "templates"
    (templates / "script.html").write_text("<SCRIPT src=x></SCRIPT>")
    (templates / "broken.html").write_text("{% block %}")
    (templates / "value.html").write_text("{{ _('a') }}\n{{ _('b', c=_(value)) }}")
    given = {"path": "/ours", "template": "hansa_trouble:switched_off.html", **changed}
    page = Page(title="Ours", show=lambda visit: {}, **given)  # type: ignore[arg-type]  # faulty on purpose
    assert fault in fault_of(page, PAGES)
    assert fault_of("a page", PAGES) != ""


def test_what_is_translated_and_no_text_of_a_template_is_escaped() -> None:
    found = environment().from_string(
        "{{ translated(name) }} {{ _('%(name)s', name=translated(name)) }}"
    )
    assert found.render(name="<b> 5%") == "&lt;b&gt; 5% &lt;b&gt; 5%"
    templates = files("hansa_web") / "templates"
    for one in templates.iterdir():
        assert unescaped(one.read_text()) == "", one.name
    assert unescaped("{{ ngettext('a', b, 2) }}") and not unescaped("{{ ngettext('a', 'b', n) }}")
    assert not unescaped("{% trans a %}x {{ a }}{% pluralize %}y {{ a }}{% endtrans %}")
