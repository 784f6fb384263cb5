"""What `hansa new` writes works as it is: its tests pass, its checks pass, and nothing is
overwritten.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner
from hansa import Conflict, Invalid
from hansa_devkit.pytest_plugin import types_of
from hansa_scaffold.check import check_plugin, declaration_faults
from hansa_scaffold.early import hansa_commands
from hansa_scaffold.source import Source, documentation_faults, import_faults
from hansa_scaffold.writing import KINDS, new_plugin, new_service


def run_pytest(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        check=False,
    )


@pytest.fixture
def hansa():
    """The command line with the commands of this plugin, and a group `plugin` that another one
    made.
    """
    root = click.Group("hansa")
    root.add_command(click.Group("plugin", commands=[click.Command("list")]))
    hansa_commands(root)
    return lambda *arguments: CliRunner().invoke(root, [str(one) for one in arguments])


def written(kinds, folder):
    """The paths of the files that a new plugin consists of."""
    return {str(file.relative_to(folder)) for file in new_plugin("line-feed", kinds, folder.parent)}


def expected(kinds):
    """The paths of the files that a new plugin must consist of."""
    package = "src/hansa_line_feed"
    files = {"pyproject.toml", "README.md", f"{package}/__init__.py", f"{package}/plugin.py"}
    return (
        files
        | {f"{package}/{kind}.py" for kind in kinds}
        | {f"tests/test_{kind}.py" for kind in kinds}
    )


def test_a_new_plugin_passes_all_its_checks(tmp_path):
    folder = tmp_path / "hansa-line-feed"
    assert written(set(KINDS), folder) == expected(set(KINDS))
    assert {finding.check: finding.faults for finding in check_plugin(folder)} == {
        "declaration": [],
        "imports": [],
        "documentation": [],
        "loading": [],
        "conformance": [],
        "level": [],
    }


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_plugin_of_one_kind(kind, tmp_path, monkeypatch):
    """Its files are those of a plugin of all kinds, whose tests pass, but for the module that names
    its types.
    """
    folder = tmp_path / "hansa-line-feed"
    assert written({kind}, folder) == expected({kind})
    source = Source.read(folder)
    assert declaration_faults(source) + import_faults(source) + documentation_faults(source) == []
    monkeypatch.syspath_prepend(folder / "src")
    for name in [name for name in sys.modules if name.startswith("hansa_line_feed")]:
        monkeypatch.delitem(sys.modules, name)
    types = types_of("hansa_line_feed.plugin")
    assert [(cls.kind, cls.type) for cls in types] == [(kind, "line_feed")]


def test_the_tests_of_a_new_plugin_are_the_contracts(tmp_path):
    new_plugin("mqtt", {"channel", "outgoing"}, tmp_path)
    ran = run_pytest(tmp_path / "hansa-mqtt")
    assert ran.returncode == 0, ran.stdout[-3000:]
    assert int(ran.stdout.rsplit(" passed", 1)[0].rsplit(None, 1)[-1]) >= 35


def test_a_new_plugin_builds_and_loads(tmp_path):
    new_plugin("mqtt", set(KINDS), tmp_path)
    code = (
        "from hansa.plugins.registry import Registry; import hansa_mqtt.plugin as p; r = Registry();"
        "r.add_types('mqtt', p.hansa_transports() + p.hansa_formats() + p.hansa_security());"
        "print([(one.kind, one.type) for one in r.types()] + [one.type for one in r.formats()])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path / "hansa-mqtt/src",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (
        ran.stdout.strip()
        == "[('channel', 'mqtt'), ('outgoing', 'mqtt'), ('security', 'mqtt'), 'mqtt']"
    ), ran.stderr


def test_every_written_file_ends_well(tmp_path):
    for file in new_plugin("mqtt", {"format"}, tmp_path) + new_service("hello", tmp_path):
        text = file.read_text()
        assert text.endswith("\n")
        assert not text.endswith("\n\n")
        assert "{{" not in text
        assert "{%" not in text
        if file.suffix == ".py":
            assert ast.get_docstring(ast.parse(text))


@pytest.mark.parametrize("name", ["", "Mqtt", "mq_tt", "-mqtt", "mqtt-", "../x", "9p", "a--b"])
def test_what_cannot_be_a_name_is_refused(name, tmp_path):
    with pytest.raises(Invalid, match="not a valid name of a plugin"):
        new_plugin(name, {"format"}, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_name_may_be_given_in_full(tmp_path):
    new_plugin("hansa-mqtt", {"format"}, tmp_path)
    assert (tmp_path / "hansa-mqtt/src/hansa_mqtt/format.py").is_file()


def test_nothing_is_overwritten(tmp_path):
    new_plugin("mqtt", {"format"}, tmp_path)
    new_service("hello", tmp_path)
    with pytest.raises(Conflict, match="hansa-mqtt already exists"):
        new_plugin("mqtt", {"format"}, tmp_path)
    (tmp_path / "hello.py").unlink()
    with pytest.raises(Conflict, match=r"test_hello\.py already exists"):
        new_service("hello", tmp_path)
    assert not (tmp_path / "hello.py").exists()


def test_a_new_service_passes_its_test(tmp_path):
    made = [
        new_service(name, tmp_path / name) for name in ("say-hello", "say_hello.py", "Say_Hello")
    ]
    service, test = made[0]
    assert (service.name, test.name) == ("say_hello.py", "test_say_hello.py")
    for other in made:
        assert [file.name for file in other] == [service.name, test.name]
        assert [file.read_text() for file in other] == [service.read_text(), test.read_text()]
    ran = run_pytest(service.parent)
    assert "3 passed" in ran.stdout, ran.stdout


@pytest.mark.parametrize("name", ["", "a b", "class", "9", "../x"])
def test_what_cannot_be_a_service_is_refused(name, tmp_path):
    with pytest.raises(Invalid, match="not a valid name of a service"):
        new_service(name, tmp_path)


def test_the_commands(hansa, tmp_path):
    made = hansa("new", "plugin", "mqtt", "--format", "--dir", tmp_path)
    assert made.exit_code == 0
    assert "hansa-mqtt/src/hansa_mqtt/format.py" in made.output
    assert "hansa-mqtt/src/hansa_mqtt/channel.py" not in made.output
    again = hansa("new", "plugin", "mqtt", "--dir", tmp_path)
    assert again.exit_code == 1
    assert "already exists" in again.output
    as_json = hansa("new", "service", "hello", "--dir", tmp_path, "--json")
    assert '"files"' in as_json.output
    plain = hansa("new", "plugin", "other", "--dir", tmp_path)
    assert "channel.py" in plain.output
    assert "outgoing.py" in plain.output


def test_the_check_command_joins_the_group_of_another_plugin(hansa, tmp_path):
    assert {"list", "check"} <= set(hansa("plugin", "--help").output.split())
    new_plugin("mqtt", {"security"}, tmp_path)
    passed = hansa("plugin", "check", tmp_path / "hansa-mqtt")
    assert passed.exit_code == 0, passed.output
    (tmp_path / "hansa-mqtt/src/hansa_mqtt/security.py").open("a").write(
        "\nfrom hansa.store import Store\n"
    )
    failed = hansa("plugin", "check", tmp_path / "hansa-mqtt", "--json")
    assert failed.exit_code == 1
    assert "only the root is public" in failed.output
    nothing = hansa("plugin", "check", tmp_path)
    assert nothing.exit_code == 1
    assert "neither a folder with a pyproject.toml nor an installed plugin" in nothing.output
