"""The reference pages say what the code says: every hook, setting, type, admin service and command,
with its help.
"""

from __future__ import annotations

import pytest
from hansa import fields
from hansa_cli.connection import connection_options

from tools import reference
from tools.environment import undeclared
from tools.live import live


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return reference.pages()


@pytest.mark.parametrize(
    "name",
    [
        "hooks.md",
        "configuration.md",
        "types.md",
        "admin.md",
        "commands.md",
        "environment.md",
        "zato.md",
    ],
)
def test_pages_are_up_to_date(pages, name):
    assert (reference.PAGES / name).read_text() == pages[name], "run: make docs"


def test_there_are_no_other_pages(pages):
    assert {file.name for file in reference.PAGES.glob("*.md")} == set(pages)


def test_every_environment_variable_is_declared(pages):
    assert undeclared() == []
    for wanted in ("HANSA_ADMIN_PASSWORD", "HANSA_DIR", "HANSA_LISTEN_NAME", "HANSA_CONSOLE"):
        assert f"| `{wanted}` |" in pages["environment.md"]


def test_everything_is_there(pages):
    assert "## hansa_wrap" in pages["hooks.md"]
    assert "## [server]" in pages["configuration.md"]
    assert "## channel http" in pages["types.md"]
    for wanted in (
        "channel soap",
        "channel schedule",
        "outgoing http",
        "outgoing redis",
        "security basic",
        "security apikey",
    ):
        assert f"## {wanted}" in pages["types.md"]
        assert f"## admin.{wanted.replace(' ', '.')}" in pages["admin.md"]
    for wanted in (
        "service.deploy",
        "service.rollback",
        "plugin.reload",
        "server.reload",
        "config.export",
        "config.plan",
        "config.apply",
    ):
        assert f"## admin.{wanted}\n" in pages["admin.md"]
    for wanted in (
        "server run",
        "deploy",
        "invoke",
        "export",
        "plan",
        "apply",
        "channel http create",
        "new plugin",
        "new service",
    ):
        assert f"## hansa {wanted}" in pages["commands.md"]


def test_every_setting_and_command_has_help(pages):
    for name, text in pages.items():
        empty = [
            line
            for line in text.splitlines()
            if line.startswith("| `")
            and line.rstrip(" |").count("|")
            < (4 if name in ("configuration.md", "types.md") else 2)
        ]
        assert not empty, f"{name}: {empty}"
    lines = pages["commands.md"].splitlines()
    for number, line in enumerate(lines):
        if line.startswith("## "):
            assert lines[number + 2].strip(), f"{line} has no help"


def test_no_setting_is_called_as_an_option_of_every_command():
    """On the command line it would be that option, such as `--ca`."""
    taken = {flag for option in connection_options() for flag in option.opts}
    clashes = [
        f"{' '.join(each.path)}: {field.name}"
        for each in live().registry.types()
        for field in fields(each.model)
        if f"--{field.name.replace('_', '-')}" in taken
    ]
    assert not clashes
