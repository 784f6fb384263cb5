"""Plugins: found by their entry points, refused by name with the reason, and asked for exactly what
they declare.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hansa import Invalid, NotFound, Request, Response, Service
from hansa.plugins.check import check_plugins
from hansa.plugins.configuration import read_config
from hansa.plugins.discovery import EARLY, Plugins, discover, load_plugins
from hansa.plugins.registry import Clash, Registry
from hansa_devkit import LocalServer

OUTGOING = """
    class It(Outgoing):
        type = {type!r}
    @hookimpl
    def hansa_transports():
        return [It]
"""


@pytest.fixture
def make(
    make_plugin: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., str]]:
    """Make a throw-away plugin that this process finds; what it imported is forgotten afterwards."""
    before = set(sys.modules)

    def made(name: str, full: str | None = None, early: str | None = None, **options: Any) -> str:
        monkeypatch.syspath_prepend(make_plugin(name, full, early, **options))
        return name

    yield made
    for name in set(sys.modules) - before:
        if "_code" in name:
            del sys.modules[name]


def load(*names: str, **options: Any) -> Plugins:
    plugins = Plugins(Registry(), **options)
    plugins.load(enabled=names)
    return plugins


def faults_of(*names: str) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        load(*names)
    return caught.value.errors


def test_a_plugin_and_what_it_gives(make: Callable[..., str]):
    make("one", OUTGOING.format(type="one"))
    make(
        "two",
        OUTGOING.format(type="two"),
        "@hookimpl\ndef hansa_settings():\n    return {'two': NoSettings}",
    )
    make("three", "1 / 0")
    plugins = load("one", "two")
    found = plugins.found
    assert (found["one"].status, found["one"].version, found["one"].distribution) == (
        "loaded",
        "1.0",
        "hansa-one",
    )
    assert found["three"].status == "blocked" and not any(
        "hansa_three" in name for name in sys.modules
    )
    assert [(one.type, one.plugin) for one in plugins.registry.types()] == [
        ("one", "one"),
        ("two", "two"),
    ]
    assert list(plugins.sections()) == ["two"]


def test_the_early_half_alone(make: Callable[..., str]):
    make("one", "1 / 0", "@hookimpl\ndef hansa_ready(config):\n    return ['hello']")
    plugins = load("one", groups=(EARLY,))
    assert plugins.hook.hansa_ready(config=None) == [["hello"]]


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (
            "@hookimpl\ndef hansa_transport():\n    return []",
            "there is no hook hansa_transport; did you mean hansa_transports?",
        ),
        ("@hookimpl\ndef something():\n    return []", "there is no hook something"),
        ("@hookimpl\ndef hansa_ready(confg):\n    return []", "confg"),
        ("import not_there", "ModuleNotFoundError: No module named 'not_there'"),
        ("import sys\nsys.exit(3)", "SystemExit: 3"),
        ("x = = 1", "SyntaxError"),
        ("@hookimpl\ndef hansa_transports():\n    1 / 0", "ZeroDivisionError"),
        ("@hookimpl\ndef hansa_transports():\n    return [Outgoing]", "has no kind or type"),
        ("@hookimpl\ndef hansa_formats():\n    return [5]", "5"),
        ("@hookimpl\ndef hansa_formats():\n    return None", "TypeError"),
    ],
)
def test_one_that_cannot_be_loaded_is_named_with_the_reason(
    make: Callable[..., str], source: str, why: str
):
    make("bad", source)
    make("good", OUTGOING.format(type="good"))
    (found,) = faults_of("bad", "good").items()
    assert found[0] == "plugin bad (hansa-bad 1.0)" and why in found[1], found


def test_all_that_cannot_be_loaded_are_told_at_once(make: Callable[..., str]):
    make("bad", "1 / 0")
    make("worse", "import not_there")
    assert set(faults_of("bad", "worse", "none")) == {
        "plugin bad (hansa-bad 1.0)",
        "plugin worse (hansa-worse 1.0)",
        "plugins.enabled: none",
    }


def test_a_type_that_two_claim_names_both(make: Callable[..., str]):
    make("first", OUTGOING.format(type="same"))
    make("second", OUTGOING.format(type="same"))
    assert faults_of("first", "second") == {
        "plugin second (hansa-second 1.0)": (
            "outgoing same is given by the plugins first and second; block one of them"
        )
    }
    assert load("first").registry.type("outgoing", "same").plugin == "first"


def test_a_name_that_two_distributions_claim_names_both(make: Callable[..., str]):
    make("same", OUTGOING.format(type="one"), distribution="hansa-one")
    make("same", OUTGOING.format(type="two"), distribution="other-two")
    ((key, why),) = faults_of("same").items()
    assert "plugin same" in key and "hansa-one" in key + why and "other-two" in key + why


def test_a_section_that_two_declare(make: Callable[..., str]):
    for name in ("first", "second"):
        make(name, early="@hookimpl\ndef hansa_settings():\n    return {'same': NoSettings}")
    with pytest.raises(Clash, match=r"\[same\]"):
        load("first", "second").sections()


def test_blocked_ones_are_not_imported(make: Callable[..., str]):
    make("bad", "1 / 0")
    plugins = Plugins(Registry())
    plugins.load(enabled=["bad"], blocked=["bad"])
    assert plugins.found["bad"].status == "blocked"


def test_services_wraps_and_what_hooks_are_given(make: Callable[..., str]):
    make(
        "one",
        """
        class Hello(Service):
            name = "one.hello"
            def handle(self):
                return self.server
        @hookimpl
        def hansa_services(server):
            return [type("Made", (Hello,), {"name": f"one.{server.name}"}), Hello]
        @hookimpl
        def hansa_wrap(call, service):
            return lambda request: (service, call(request))
        @hookimpl
        def hansa_secret(value):
            return value * 2
        """,
    )
    plugins = load("one")
    plugins.register_services(LocalServer())
    assert [(d.name, d.origin, d.version) for d in plugins.registry.services()] == [
        ("one.hello", "plugin one", 0),
        ("one.local", "plugin one", 0),
    ]
    (wrap,) = plugins.wraps()
    answer = Response()
    assert wrap(None, Service, lambda request: answer)(Request()) == (Service, answer)
    assert plugins.hook.hansa_secret(reference="r", value="v") == "vv"


class TestWithAConfiguration:
    def read(self, tmp_path: Path, text: str) -> Any:
        (tmp_path / "config.toml").write_text(text)
        return read_config(tmp_path / "config.toml", directory=str(tmp_path / "var"))

    def test_what_is_enabled_and_sections(self, make: Callable[..., str], tmp_path: Path):
        make("one", early="@hookimpl\ndef hansa_settings():\n    return {'one': NoSettings}")
        config = self.read(tmp_path, "[plugins]\nenabled = ['one']\n[one]")
        assert load_plugins(config, set()).found["one"].status == "loaded"
        with pytest.raises(Invalid) as caught:
            load_plugins(config, {"one"})
        assert "one: unknown section" in str(caught.value)

    @pytest.mark.parametrize(
        "text", ["plugins = 5", "[plugins]\nenabled = 'one'", "[plugins]\nenabled = [5]"]
    )
    def test_a_section_of_the_wrong_shape_is_a_fault_of_the_file(self, tmp_path: Path, text: str):
        config = self.read(tmp_path, text)
        with pytest.raises(Invalid) as caught:
            load_plugins(config, set(), (EARLY,))
        assert any(
            key.startswith(f"{tmp_path / 'config.toml'}: plugins") for key in caught.value.errors
        )

    def test_a_trial_in_a_child_finds_what_a_worker_would(
        self, make: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        make("one", OUTGOING.format(type="one"))
        make("bad", "import os; os._exit(3)")
        monkeypatch.setenv("PYTHONPATH", str(tmp_path / "plugins"))
        with pytest.raises(Invalid, match=r"outgoing.two.a: no outgoing of type 'two'"):
            check_plugins(
                self.read(
                    tmp_path, "[plugins]\nenabled = ['one']\n[outgoing.one.a]\n[outgoing.two.a]"
                ).path
            )
        with pytest.raises(Invalid, match="ended with status 3"):
            check_plugins(self.read(tmp_path, "[plugins]\nenabled = ['one', 'bad']").path)
        check_plugins(
            self.read(tmp_path, "[plugins]\nenabled = ['one', 'bad']").path, blocked={"bad"}
        )


def test_nothing_is_imported_to_find_them(make: Callable[..., str]):
    make("bad", "1 / 0")
    assert discover()["bad"].status == "found"
    with pytest.raises(NotFound):
        Plugins(Registry()).registry.type("outgoing", "bad")
