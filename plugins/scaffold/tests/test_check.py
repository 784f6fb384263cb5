"""The checks of a plugin find what they are for."""

from __future__ import annotations

from pathlib import Path

import pytest
from hansa import NotFound
from hansa_devkit.harness.distribution import install_plugin
from hansa_scaffold.check import (
    check_installed,
    conformance_faults,
    declaration_faults,
    loading_faults,
    locate,
)
from hansa_scaffold.levels import level_of
from hansa_scaffold.source import Source, documentation_faults, import_faults
from hansa_scaffold.writing import new_plugin

OUTGOING = """
class Mine(Outgoing):
    type = "mine"
@hookimpl
def hansa_transports():
    return [Mine]
"""


@pytest.fixture
def plugin(tmp_path):
    """A new plugin with a format."""
    new_plugin("mqtt", {"format"}, tmp_path)
    return tmp_path / "hansa-mqtt"


def write(plugin: Path, text: str) -> Source:
    (plugin / "src/hansa_mqtt/more.py").write_text(text)
    return Source.read(plugin)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("import hansa.store", "imports hansa.store; only the root is public"),
        (
            "from hansa.definitions.store import Store",
            "imports hansa.definitions.store; only the root is public",
        ),
        ("from hansa import store", "hansa.store is not public"),
        ("import click", "click is imported, and pyproject.toml does not list click"),
        (
            "from hansa_json import format",
            "hansa_json is imported, and pyproject.toml does not list hansa-json",
        ),
        ("def inside():\n    import click", "click is imported"),
        ("import surely_unknown_package", "does not list surely-unknown-package"),
    ],
)
def test_imports_over_the_wall(plugin, line, fault):
    faults = import_faults(write(plugin, line))
    assert len(faults) == 1
    assert fault in faults[0]
    assert faults[0].startswith("src/hansa_mqtt/more.py, line ")


@pytest.mark.parametrize(
    "line",
    [
        "import json",
        "from hansa import Model, setting",
        "from . import format",
        "import hansa_mqtt.format",
        "import pytest",
    ],
)
def test_imports_within_the_walls(plugin, line):
    assert import_faults(write(plugin, line)) == []


def test_a_setter_is_told_by_its_property_and_no_other_decorator_excuses(plugin):
    source = write(
        plugin,
        '"""Things."""\n\n'
        "class Thing:\n"
        '    """A thing."""\n\n'
        "    @property\n"
        "    def size(self):\n"
        '        """Its size."""\n\n'
        "    @size.setter\n"
        "    def size(self, value):\n"
        "        pass\n\n"
        "    @functools.cache\n"
        "    def act(self):\n"
        "        pass\n",
    )
    assert documentation_faults(source) == [
        "src/hansa_mqtt/more.py, line 15: Thing.act has no docstring"
    ]


def test_what_has_no_words(plugin):
    source = write(
        plugin,
        "class Thing:\n"
        "    def act(self):\n"
        "        pass\n\n"
        "def run():\n"
        "    pass\n\n"
        "def _hidden():\n"
        "    pass\n",
    )
    (plugin / "README.md").write_text("# mqtt")
    assert documentation_faults(source) == [
        "README.md is missing or nearly empty",
        "src/hansa_mqtt/more.py, line 1: the module has no docstring",
        "src/hansa_mqtt/more.py, line 1: Thing has no docstring",
        "src/hansa_mqtt/more.py, line 2: Thing.act has no docstring",
        "src/hansa_mqtt/more.py, line 5: run has no docstring",
    ]


def test_a_declaration_that_nobody_finds(plugin):
    (plugin / "pyproject.toml").write_text(
        '[project]\nname = "mqtt"\ndependencies = ["requests[socks]>=2"]\n'
    )
    source = Source.read(plugin)
    assert source.declared == {"requests"}
    assert len(declaration_faults(source)) == 3
    assert conformance_faults(source) == ["without an entry point there are no types to test"]


def test_a_type_without_a_contract_fails(plugin):
    test = plugin / "tests/test_format.py"
    test.write_text(test.read_text().replace("FormatContract)", "object)"))
    assert (
        "no contract class of hansa-devkit tests: format mqtt"
        in conformance_faults(Source.read(plugin))[0]
    )


def test_a_failing_test_is_named(plugin):
    (plugin / "tests/test_more.py").write_text("def test_wrong():\n    assert 1 == 2\n")
    assert conformance_faults(Source.read(plugin)) == [
        "FAILED tests/test_more.py::test_wrong - assert 1 == 2"
    ]


def test_proofs_are_not_run(plugin):
    proof = "import pytest\n\n\n@pytest.mark.proof\ndef test_wrong():\n    assert 1 == 2\n"
    (plugin / "tests/test_more.py").write_text(proof)
    assert conformance_faults(Source.read(plugin)) == []


def test_a_plugin_without_tests_fails(plugin):
    (plugin / "tests/test_format.py").unlink()
    (plugin / "tests").rmdir()
    assert conformance_faults(Source.read(plugin)) == ["there is no folder tests"]


def test_locate(plugin):
    assert locate(str(plugin)) == plugin
    assert locate("security") == Path(__file__).parents[2] / "security"
    with pytest.raises(NotFound, match="neither a folder"):
        locate("surely-unknown")
    with pytest.raises(NotFound, match=r"has no pyproject\.toml"):
        Source.read(plugin / "src")


@pytest.mark.parametrize("name", ["scaffold", "security"])
def test_our_own_plugins_are_within_the_walls(name):
    source = Source.read(locate(name))
    assert declaration_faults(source) + import_faults(source) + documentation_faults(source) == []


def test_what_is_installed_is_loaded_without_a_server(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    install_plugin(tmp_path, "aaa", OUTGOING)
    install_plugin(tmp_path, "bbb", OUTGOING)
    install_plugin(tmp_path, "exits", "import os\nos._exit(3)")
    install_plugin(tmp_path, "newer", "", requires=["hansa>=99"])
    install_plugin(tmp_path, "wrong", "@hookimpl\ndef hansa_serve(sever):\n    pass\n")
    install_plugin(tmp_path, "older", "", requires=["no-such-library"])
    findings = {finding.check: "; ".join(finding.faults) for finding in check_installed()}
    told = {
        "bbb": "outgoing mine is given by the plugins aaa and bbb",
        "exits": "the process that loaded it ended with status 3",
        "newer": "it needs hansa>=99, and hansa 0",
        "wrong": "the hook hansa_serve has no argument sever (it has: server)",
        "older": "it needs no-such-library, which is not installed",
    }
    for name, fault in told.items():
        assert fault in findings[f"loading of {name}"]
        assert f"plugin {name} (hansa-{name} 1.0): " in findings[f"loading of {name}"]
    assert findings["loading of aaa"] == findings["loading of json"] == ""
    with pytest.raises(NotFound, match="no plugin 'newr' is installed"):
        check_installed("newr")
    # the normal form of a distribution's name (PEP 503) is what counts
    (fault,) = loading_faults(Source(tmp_path, {"name": "Hansa_Wrong"}))
    assert told["wrong"] in fault


def test_a_process_that_ends_before_it_loads_any_plugin_is_no_success(tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text("import os\nos._exit(4)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    ended = "the process that loaded it ended with status 4"
    findings = {finding.check: finding.faults for finding in check_installed("json")}
    assert findings == {"loading of json": [], "loading": [ended]}
    assert loading_faults(Source(tmp_path, {"name": "hansa-json"})) == [ended]


TESTED = """
import pytest

pytestmark = [pytest.mark.evidence("tls")]

@pytest.fixture
def broker(real_server):
    return real_server
"""
README = "The format mqtt over TLS.\n```sh\nmqtt\n```\n" + "word " * 150


def declare(plugin: Path, level: str, more: str = "") -> Source:
    file = plugin / "pyproject.toml"
    file.write_text(file.read_text().replace('mqtt = "bronze"', f'mqtt = "{level}"') + more)
    return Source.read(plugin)


def test_a_new_plugin_is_bronze_and_is_told_what_silver_takes(plugin):
    source = Source.read(plugin)
    level = level_of(source, passed=True)
    assert (level.reached, level.declared, level.faults) == ("bronze", "bronze", [])
    assert str(level).startswith(
        "bronze; for silver it lacks a test against a real server, a test over TLS"
    )
    failed = level_of(source, passed=False)
    assert failed.faults == ["it declares bronze, and reaches none"]
    assert str(failed) == "none; for bronze it lacks what the checks above found"


def test_levels_are_found_by_marks_readme_and_files(plugin):
    assert level_of(declare(plugin, "gold"), passed=True).faults == [
        "it declares gold, and reaches bronze"
    ]
    (plugin / "tests/test_more.py").write_text(TESTED)
    (plugin / "README.md").write_text(README)
    silver = level_of(Source.read(plugin), passed=True)
    assert str(silver) == "silver; for gold it lacks a proof under kills, a benchmark"
    more = '[tool.hansa.evidence]\nbenchmark = ["bench.py"]\nkills = ["tests/test_more.py"]\n'
    (plugin / "bench.py").write_text("import hansa_other\n")
    assert level_of(declare(plugin, "gold", more), passed=True).faults == [
        "evidence in pyproject.toml: bench.py does not mention mqtt",
        "evidence in pyproject.toml: tests/test_more.py does not mention mqtt",
    ]
    for file in ("bench.py", "tests/test_more.py"):
        with (plugin / file).open("a") as opened:
            opened.write("# of mqtt\n")
    gold = level_of(Source.read(plugin), passed=True)
    assert (str(gold), gold.next, gold.faults) == ("gold", "", [])


def test_what_does_not_apply_is_excused_and_wrong_words_are_told(plugin):
    (plugin / "README.md").write_text(README.replace("TLS", "wires"))
    more = '[tool.hansa.not-applicable]\ntls = "no network"\nreal_server = "no peer"\n'
    assert level_of(declare(plugin, "silver", more), passed=True).faults == []
    (plugin / "tests/test_more.py").write_text(TESTED.replace("tls", "tsl"))
    there = "there are: real_server, tls, kills, benchmark"
    found = level_of(declare(plugin, "silver", 'klls = "none"\n'), passed=True)
    assert found.faults == [
        f"tests/test_more.py: 'tsl' is no kind of evidence; {there}",
        f"not-applicable in pyproject.toml: 'klls' is no kind of evidence; {there}",
    ]
    file = plugin / "pyproject.toml"
    file.write_text(file.read_text().replace('mqtt = "silver"', 'mqtt = "platinum"'))
    (first, *_) = level_of(Source.read(plugin), passed=True).faults
    assert first == "'platinum' is no level; there are: bronze, silver, gold"
