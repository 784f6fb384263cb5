"""The hand-written pages name nothing that is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import docs
from tools.live import live
from tools.project import TOP


@pytest.fixture(scope="module", autouse=True)
def _loaded() -> None:
    """Load all plugins once; one that does not load is the only fault then."""
    live()


@pytest.mark.rebuilt
@pytest.mark.parametrize("page", docs.pages(), ids=lambda page: str(page.relative_to(TOP)))
def test_a_page_names_what_there_is(page):
    assert list(docs.faults(page)) == []


def faults(tmp_path: Path, text: str) -> list[str]:
    """What is wrong with a page, without its place."""
    page = tmp_path / "page.md"
    page.write_text(text)
    return [fault.partition(": ")[2] for fault in docs.faults(page)]


@pytest.mark.parametrize(
    "text",
    [
        "`hansa_startup`, `hansa_http` and `hansa_devkit.pytest_plugin`; `hansa_syslog`",
        "`admin.queue.status`, `admin.channel.http.create`, `admin.KIND.TYPE.get`, `var/admin.password`",
        "`channel http`, `format json`, `outgoing mqtt`, `channel of something`",
        "`tests/walls`, `docs/*.md`, `plugins/NAME/tests`, `tests/walls/test_docs.py::test_x`",
        '`[server]`, `[log] format = "json"`, `[channel.http.NAME]`, `[name]`',
        "`hansa cluster status`, `hansa KIND TYPE create`, `.venv/bin/hansa deploy x.py --help`",
        '`hansa channel http create a --url-path /a --service b --format json`, `hansa = "x"`',
        "`from hansa import Service, setting`; `make test`; `HANSA_SIZE`",
        "```sh\nA=1 hansa export x.json | cat  # hansa nothing\ncd x && hansa plan \\\n  x.json\n```\n",
        "```toml\n[log]\nlevel = 'INFO'\n[channel.http.a]\nurl_path = '/a'\nservice = 'b'\n```\n",
        "```toml\n[project]\nname = 'x'\n```\n",
        "```python\nfrom hansa import Model\nimport hansa_devkit\n```\n",
        "[a](page.md#one-two-and-three) [b](https://example.com/x)\n# One, `two` and three\n",
    ],
)
def test_what_is_there_is_fine(tmp_path, text):
    assert faults(tmp_path, text) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("`hansa_nothing`", "there is no hook or package hansa_nothing"),
        ("`admin.queue.stauts`", "there is no service admin.queue.stauts"),
        ("`channel smoke`", "there is no type channel smoke"),
        ("`core/src/hansa/nothing.py`", "there is no file core/src/hansa/nothing.py"),
        # in two parts, since this file is a source, too
        ("`HANSA_" + "NOTHING=1`", "nothing reads the variable HANSA_" + "NOTHING"),
        ("`make nothing`", "there is no target make nothing"),
        ("`[nothing]`", "there is no section [nothing]"),
        ('`[log] formt = "json"`', "[log] has no setting formt"),
        ("`no_such_setting = 1`", "no source knows no_such_setting"),
        ("```toml\n[log]\nlevl = 'INFO'\n```\n", "[log] has no setting levl"),
        ("```toml\n[channel.smoke.a]\nx = 1\n```\n", "there is no type channel smoke"),
        ("```toml\n[channel.http.a]\nulr = 1\n```\n", "[channel.http.a] has no setting ulr"),
        ("`from hansa import Nothing`", "hansa has no Nothing"),
        (
            "```python\nfrom hansa.contract.kinds import Nothing\n```\n",
            "hansa.contract.kinds has no Nothing",
        ),
        ("```python\nimport hansa_http.nothing\n```\n", "there is no module hansa_http.nothing"),
        ("`hansa clutser status`", "there is no command hansa clutser"),
        ("`hansa channel smoke create a`", "there is no command hansa channel smoke"),
        ("```sh\nhansa deploy x --nothing\n```\n", "hansa deploy has no option --nothing"),
        ("[a](nothing.md)", "the link to nothing.md leads nowhere"),
        ("[a](page.md#nothing)", "page.md has no heading #nothing"),
    ],
)
def test_what_is_not_there_is_noticed(tmp_path, text, fault):
    assert faults(tmp_path, text) == [fault]


def test_a_fault_has_its_place(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# A\n\n```sh\nhansa export x\nhansa nothing\n```\n\ntext `a\nb`, `hansa_nothing`\n"
    )
    # a fault of a block stands at its first line
    assert [fault.split(":")[1] for fault in docs.faults(page)] == ["4", "9"]
