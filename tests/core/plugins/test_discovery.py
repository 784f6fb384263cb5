"""Plugins: found by their entry points, refused by name with the reason, and asked for exactly what
they declare.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from hansa import Invalid, NotFound, Request, Response, Service
from hansa.foundation.starts import DeathLedger, Starts
from hansa.plugins.check import check_plugins
from hansa.plugins.configuration import read_config
from hansa.plugins.discovery import Plugins, load_plugins
from hansa.plugins.installed import EARLY, discover, shown_level
from hansa.plugins.registry import Registry
from hansa.plugins.requirements import unmet
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
    plugins = Plugins(Registry(), needed=None, **options)
    plugins.load(enabled=names)
    return plugins


def faults_of(*names: str) -> dict[str, str]:
    return load(*names).faults()


def test_a_level_that_there_is_not_is_marked():
    assert shown_level("gold") == "gold" and shown_level("") == ""
    assert shown_level("platinum") == "platinum (invalid)"


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
        (
            "@hookimpl\ndef hansa_ready(confg):\n    return []",
            "the hook hansa_ready has no argument confg (it has: config); correct it",
        ),
        ("import not_there", "ModuleNotFoundError: No module named 'not_there'"),
        ("import sys\nsys.exit(3)", "SystemExit: 3"),
        ("x = = 1", "SyntaxError"),
        ("@hookimpl\ndef hansa_transports():\n    1 / 0", "ZeroDivisionError"),
        ("@hookimpl\ndef hansa_transports():\n    return [Outgoing]", "has no kind or type"),
        ("@hookimpl\ndef hansa_formats():\n    return [5]", "5"),
        (
            """
            from typing import Annotated
            class Faulty(Model):
                port: Annotated[int, setting("Port", ge=1)] = 0
            class It(Outgoing):
                type, Config = "it", Faulty
            @hookimpl
            def hansa_transports():
                return [It]
            """,
            "It.port: its default is not valid: Expected `int` >= 1",
        ),
        (
            """
            class It(Channel):
                type, placement, delivery = "it", "workers", "at least once"
            @hookimpl
            def hansa_transports():
                return [It]
            """,
            "It.placement: 'workers' is not one of worker, server, cluster; "
            "It.delivery: 'at least once' is not one of at_least_once, at_most_once",
        ),
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
    plugins = load("bad", "worse", "none")
    assert set(plugins.faults()) == {
        "plugin bad (hansa-bad 1.0)",
        "plugin worse (hansa-worse 1.0)",
    }
    assert plugins.missing == ["none"]


def test_one_that_cannot_be_loaded_leaves_nothing_and_the_others_are_loaded(
    make: Callable[..., str],
):
    make(
        "bad",
        OUTGOING.format(type="bad")
        + """
    @hookimpl
    def hansa_channel_settings():
        return {"bad": NoSettings}
    @hookimpl
    def hansa_modules():
        return ["not_there"]
""",
    )
    make("good", OUTGOING.format(type="good"))
    plugins = Plugins(Registry())
    plugins.load(enabled=["bad", "good"])
    assert [one.type for one in plugins.registry.types()] == ["good"]
    assert plugins.loaded == ["good"] and plugins.hook.hansa_channel_settings() == []
    found = plugins.found["bad"]
    assert found.status == "failed" and "No module named 'not_there'" in found.why
    assert "`hansa plugin reload bad`" in found.why and "`hansa plugin block bad`" in found.why
    assert plugins.faults() == {}, "nothing needs it"


@pytest.mark.parametrize("hook", ["startup", "services", "definitions", "serve"])
def test_one_that_cannot_be_started_is_taken_out(make: Callable[..., str], hook: str):
    make(
        "bad",
        OUTGOING.format(type="bad")
        + f"""
    @hookimpl
    def hansa_{hook}(server):
        raise SystemExit(4)
""",
    )
    make("good", "@hookimpl\ndef hansa_startup(server):\n    return 5")
    plugins = Plugins(Registry())
    plugins.load(enabled=["bad", "good"])
    server = LocalServer()
    assert list(plugins.start(server)) == [5]
    plugins.register_services(server)
    assert plugins.definitions(server) == []
    plugins.serve(server)
    found = plugins.found["bad"]
    assert found.status == "failed" and "SystemExit: 4" in found.why
    assert list(plugins.registry.types()) == []


@pytest.mark.parametrize("how", ["by itself", "by the worker"])
def test_one_without_which_no_worker_serves(make: Callable[..., str], how: str):
    by_itself = how == "by itself"
    make("guard", "@hookimpl\ndef hansa_startup(server):\n    1 / 0", required=by_itself)
    plugins = Plugins(Registry(), needed=[] if by_itself else ["guard"])
    plugins.load(enabled=["guard"])
    with pytest.raises(Invalid, match="ZeroDivisionError"):
        list(plugins.start(LocalServer()))
    make("guard2", "1 / 0", required=by_itself)
    plugins = Plugins(Registry(), needed=[] if by_itself else ["guard2"])
    plugins.load(enabled=["guard2"])
    assert list(plugins.faults()) == ["plugin guard2 (hansa-guard2 1.0)"]


def test_one_that_has_ended_three_processes_is_left_out(make: Callable[..., str], tmp_path: Path):
    make("deadly", "import os\nos._exit(3)")
    ledger = DeathLedger(tmp_path)
    for pid in (1, 2, 3):
        ledger.journal(pid).write_text("+plugin deadly (import)\n")
        assert ledger.bury(pid, "ended with status 3") == ["plugin deadly (import)"]
    plugins = load("deadly", starts=Starts(tmp_path))
    found = plugins.found["deadly"]
    assert found.status == "quarantined"
    assert (
        "3 processes ended while it was started or soon after (the last ended with status 3)"
        in found.why
    )


def test_a_type_that_two_claim_names_both(make: Callable[..., str]):
    make("first", OUTGOING.format(type="same"))
    make("second", OUTGOING.format(type="same"))
    ((name, why),) = faults_of("first", "second").items()
    assert name == "plugin second (hansa-second 1.0)"
    assert "outgoing same is given by the plugins first and second; block one of them" in why
    assert load("first").registry.type("outgoing", "same").plugin == "first"


def test_a_name_that_two_distributions_claim_names_both(make: Callable[..., str]):
    make("same", OUTGOING.format(type="one"), distribution="hansa-one")
    make("same", OUTGOING.format(type="two"), distribution="other-two")
    ((key, why),) = faults_of("same").items()
    assert "plugin same" in key and "hansa-one" in key + why and "other-two" in key + why


def test_a_section_that_two_declare(make: Callable[..., str]):
    for name in ("first", "second"):
        make(name, early="@hookimpl\ndef hansa_settings():\n    return {'same': NoSettings}")
    plugins = load("first", "second")
    (why,) = plugins.faults().values()
    assert "the plugins first and second declare the section [same]" in why
    assert list(plugins.sections()) == ["same"] and plugins.loaded == ["first"]


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
    assert plugins.secret(LocalServer(), "r", "v") == "vv"


class TestWithAConfiguration:
    def read(self, tmp_path: Path, text: str) -> Any:
        (tmp_path / "config.toml").write_text(text)
        return read_config(tmp_path / "config.toml", directory=str(tmp_path / "var"))

    def test_what_is_enabled_and_sections(self, make: Callable[..., str], tmp_path: Path):
        make("one", early="@hookimpl\ndef hansa_settings():\n    return {'one': NoSettings}")
        config = self.read(tmp_path, "[plugins]\nenabled = ['one']\n[one]")
        assert load_plugins(config, set()).found["one"].status == "loaded"
        assert load_plugins(config, {"one"}).found["one"].status == "blocked"
        config = self.read(tmp_path, "[plugins]\nenabled = []\n[one]")
        with pytest.raises(Invalid) as caught:
            load_plugins(config, set())
        assert "one: unknown section" in str(caught.value)

    def test_what_a_plugin_that_is_not_loaded_may_have_is_not_read(
        self, make: Callable[..., str], tmp_path: Path
    ):
        make("good", OUTGOING.format(type="good"))
        make("bad", "1 / 0")
        text = "[plugins]\nenabled = ['good', 'bad']\n[bad]\na = 1\n[outgoing.good.a]\n"
        config = self.read(tmp_path, text + "[outgoing.bad.b]\nc = 1\n")
        for blocked in (set[str](), {"bad"}):
            load_plugins(config, blocked)
            assert [key[:3] for key in config.definitions] == [("outgoing", "good", "a")]
        with pytest.raises(Invalid, match="ZeroDivisionError"):
            load_plugins(config, set(), needed=None)
        with pytest.raises(Invalid, match="no such plugin is installed"):
            load_plugins(self.read(tmp_path, "[plugins]\nenabled = ['none']"), set())

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
        path = self.read(tmp_path, "[plugins]\nenabled = ['one', 'bad']").path
        told = r"^plugin bad: the process that loaded it ended with status 3$"
        for needed in (None, ["bad"]):
            with pytest.raises(Invalid, match=told):
                check_plugins(path, needed=needed)
        check_plugins(path, blocked={"bad"})
        check_plugins(path, needed=["one"])

    def test_a_trial_has_the_addresses_that_a_server_sets(
        self, make: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        config = "from hansa import Model\n        class Config(Model):\n            address: str"
        make("one", OUTGOING.format(type="one").replace("type =", f"{config}\n        type ="))
        monkeypatch.setenv("PYTHONPATH", str(tmp_path / "plugins"))
        text = "[plugins]\nenabled = ['one']\n[outgoing.one.a]\naddress = {{'$env' = '{}'}}"
        check_plugins(self.read(tmp_path, text.format("HANSA_LISTEN_HTTP")).path)
        with pytest.raises(Invalid, match="the environment variable OTHER is not set"):
            check_plugins(self.read(tmp_path, text.format("OTHER")).path)


@pytest.mark.parametrize(
    ("requirement", "why"),
    [
        ("hansa>=99", "it needs hansa>=99, and hansa 0"),
        ("hansa-nowhere>=1,<2", "it needs hansa-nowhere<2,>=1, which is not installed"),
        ("hansa >= x", "its requirement 'hansa >= x' is not valid"),
    ],
)
def test_one_that_needs_what_is_not_installed_is_not_imported(
    make: Callable[..., str], requirement: str, why: str
):
    make("newer", "import no_such_library", requires=[requirement])
    found = load("newer").found["newer"]
    assert found.status == "failed" and why in found.why
    assert "`pip install hansa-newer==1.0`" in found.why
    assert "`hansa plugin reload newer`" in found.why


def test_requirements_that_are_met_or_do_not_concern_hansa(make: Callable[..., str]):
    fine = ["hansa>=0.1", "hansa-nowhere; extra == 'more'", "hansa-nowhere; python_version < '3'"]
    others = ["pluggy>=99", "no-such-library"]
    make("fine", OUTGOING.format(type="fine"), requires=[*fine, *others])
    plugins = load("fine")
    assert plugins.loaded == ["fine"]
    assert unmet(plugins.found["fine"].requirements, all=True) == [
        f"it needs pluggy>=99, and pluggy {version('pluggy')} is installed",
        "it needs no-such-library, which is not installed",
    ]


@pytest.mark.parametrize("file", ["METADATA", "entry_points.txt"])
def test_a_distribution_without_sound_metadata_hides_no_other(
    make: Callable[..., str], tmp_path: Path, file: str
):
    make("broken", OUTGOING.format(type="broken"))
    make("sound", OUTGOING.format(type="sound"))
    metadata = tmp_path / "plugins/hansa_broken-1.0.dist-info"
    (metadata / file).write_text("[hansa]\nnothing that could be read\n")
    found = discover()
    assert found["sound"].fault == ""
    broken = found["?" if file == "METADATA" else "hansa-broken"]
    assert "cannot be read" in broken.fault and "broken" not in found


def test_nothing_is_imported_to_find_them(make: Callable[..., str]):
    make("bad", "1 / 0")
    assert discover()["bad"].status == "found"
    with pytest.raises(NotFound):
        Plugins(Registry()).registry.type("outgoing", "bad")
