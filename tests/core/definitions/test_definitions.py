"""Definitions: what is stored of what was given, what is refused, and who has applied it."""

from __future__ import annotations

import base64
import os
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any

import pytest
from hansa import (
    Channel,
    Conflict,
    Edit,
    HansaError,
    Invalid,
    Model,
    NotFound,
    Outgoing,
    Secret,
    Security,
    Service,
    Unavailable,
    dump,
    setting,
)
from hansa.definitions import definitions as module
from hansa.definitions.definitions import Definitions
from hansa.contract.records import DefinitionRecord
from hansa.definitions.store import Store
from hansa.odb.keys import Keys
from hansa.contract.registry import RegisteredService
from hansa.plugins.registry import Registry

KEYS = Keys(base64.urlsafe_b64encode(os.urandom(32)).decode())


class Login(Model):
    user: Annotated[str, setting("User")] = ""
    password: Annotated[Secret | None, setting("Password")] = None


class Wide(Model):
    host: Annotated[str, setting("Host")] = "localhost"
    port: Annotated[int, setting("Port", ge=1)] = 80
    password: Annotated[Secret | None, setting("Password")] = None
    login: Login = Login()
    logins: list[Login] = []
    tokens: dict[str, Secret] = {}
    over: Annotated[str | None, setting("Another", refers="outgoing wide")] = None

    @classmethod
    def upgrade(cls, old: dict[str, Any]) -> dict[str, Any]:
        if "hostname" in old:
            old = {**old, "host": old["hostname"]}
            del old["hostname"]
        return old


class WideOutgoing(Outgoing):
    type, Config = "wide", Wide


class PathChannel(Channel):
    type = "path"

    class Config(Model):
        path: Annotated[str, setting("Path")]

    @classmethod
    def claims(cls, config: Any) -> Iterable[str]:
        return [f"the path {config.path}"]


class HashedSecurity(Security):
    type = "hashed"

    class Config(Model):
        password: Annotated[Secret, setting("Password")]
        rounds: Annotated[int, setting("How often")] = 0

    @classmethod
    def prepare(cls, config: Any) -> Any:
        if config.password.startswith("#"):
            return config
        values = {**dump(config, str), "password": Secret("#" + config.password[::-1]), "rounds": 3}
        return type(config)(**values)


class OtherSecurity(Security):
    type = "other"


class Builtin(Service):
    name = "builtin"


class Bus:
    def __init__(self) -> None:
        self.nudges: list[int] = []

    def nudge(self, revision: int) -> None:
        self.nudges.append(revision)


@pytest.fixture
def made(store: Store, plain: type, monkeypatch: pytest.MonkeyPatch) -> Definitions:
    monkeypatch.setattr(module, "APPLY_WAIT", 0.3)
    registry = Registry()
    registry.add_types("p", [WideOutgoing, PathChannel, HashedSecurity, OtherSecurity, plain])
    registry.replace_services("plugin p", [RegisteredService("builtin", Builtin, "plugin p")])

    def secret(reference: str, value: Any) -> str | None:
        if value == "sealed":
            raise Unavailable("the vault is sealed")
        return f"from the vault: {value}" if reference == "vault" else None

    return Definitions(store, registry, KEYS, Bus(), lambda: None, secret)


def faults_of(made: Definitions, *key: str, **data: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        made.define(*key, data)
    return caught.value.errors


class TestWhatIsStored:
    def test_what_was_given_and_nothing_else(self, made: Definitions):
        made.define("outgoing", "wide", "a", {"port": 81, "active": True})
        assert made.definition("outgoing", "wide", "a").data == {"port": 81, "active": True}
        assert made.read(made.definition("outgoing", "wide", "a")).host == "localhost"

    def test_no_secret_stands_in_the_database_wherever_it_is_declared(
        self, made: Definitions, tmp_path: Any
    ):
        given = {
            "password": "hush-1",
            "login": {"user": "jane", "password": "hush-2"},
            "logins": [{"password": "hush-3"}, {"user": {"$env": "HOME"}, "password": "hush-4"}],
            "tokens": {"a": "hush-5", "b": {"$env": "HOME"}},
        }
        made.define("outgoing", "wide", "a", given)
        made.define(
            "outgoing",
            "wide",
            "a",
            {"login": {"user": {"$env": "HOME"}, "password": "hush-6"}},
            mode="edit",
        )
        made.define("outgoing", "wide", "a", {"host": "h"}, mode="edit")
        stored = made.definition("outgoing", "wide", "a").data
        assert stored["login"]["user"] == {"$env": "HOME"}
        assert stored["tokens"]["b"] == {"$env": "HOME"}
        config = made.read(made.definition("outgoing", "wide", "a"))
        assert (config.password, config.login.password, config.tokens["a"]) == (
            "hush-1",
            "hush-6",
            "hush-5",
        )
        assert [login.password for login in config.logins] == ["hush-3", "hush-4"]
        assert config.tokens["b"] == os.environ["HOME"] == config.logins[1].user
        made.store.engine.dispose()
        for file in tmp_path.iterdir():
            assert b"hush" not in file.read_bytes(), file

    def test_references_are_kept_and_read_when_needed(
        self, made: Definitions, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setenv("A_PORT", "8080")
        made.define(
            "outgoing", "wide", "a", {"port": {"$env": "A_PORT"}, "password": {"$vault": "path"}}
        )
        row = made.definition("outgoing", "wide", "a")
        assert row.data == {"port": {"$env": "A_PORT"}, "password": {"$vault": "path"}}
        assert (made.read(row).port, made.read(row).password) == (8080, "from the vault: path")
        monkeypatch.delenv("A_PORT")
        with pytest.raises(Invalid, match="port: the environment variable A_PORT is not set"):
            made.read(row)

    def test_a_stored_secret_is_encrypted_once(self, made: Definitions):
        made.define("outgoing", "wide", "a", {"password": "hush"})
        first = made.definition("outgoing", "wide", "a").data
        made.define("outgoing", "wide", "a", {"host": "h"}, mode="edit")
        assert made.definition("outgoing", "wide", "a").data == {**first, "host": "h"}
        made.define("outgoing", "wide", "a", {"password": None}, mode="edit")
        assert made.read(made.definition("outgoing", "wide", "a")).password is None

    def test_what_a_type_prepares_is_stored_and_prepared_once(self, made: Definitions):
        made.define("security", "hashed", "a", {"password": "hush"})
        config = made.read(made.definition("security", "hashed", "a"))
        assert (config.password, config.rounds) == ("#hsuh", 3)
        made.define("security", "hashed", "a", {"active": False}, mode="edit")
        assert made.read(made.definition("security", "hashed", "a")).password == "#hsuh"
        made.define("security", "hashed", "a", {"password": "new"}, mode="edit")
        assert made.read(made.definition("security", "hashed", "a")).password == "#wen"

    def test_what_an_older_version_stored_is_read_and_edited(self, made: Definitions):
        made.store.change([(Edit(("outgoing", "wide", "a"), {"hostname": "old"}), (), ())])
        assert made.read(made.definition("outgoing", "wide", "a")).host == "old"
        made.define("outgoing", "wide", "a", {"port": 5}, mode="edit")
        config = made.read(made.definition("outgoing", "wide", "a"))
        assert (config.host, config.port) == ("old", 5)
        made.define("outgoing", "wide", "a", {"host": "new"}, mode="edit")
        assert made.read(made.definition("outgoing", "wide", "a")).host == "new"


class TestManyAtOnce:
    def test_in_any_order_and_in_one_revision(self, made: Definitions):
        made.define("outgoing", "wide", "old", {})
        wanted = [
            Edit(("outgoing", "wide", "a"), {"over": "b"}),
            Edit(("outgoing", "wide", "b"), {"over": "a"}),
            Edit(("channel", "path", "c"), {"path": "/c", "service": "builtin", "security": "s"}),
            Edit(("security", "hashed", "s"), {"password": "p"}),
            Edit(("outgoing", "wide", "old")),
        ]
        assert made.change(wanted)["revision"] == 2
        assert {row.revision for row in made.definitions()} == {2}
        assert len(made.definitions()) == 4
        assert {change.name for change in made.store.changes(1)} == {"a", "b", "c", "s", "old"}
        made.change([Edit(edit.key) for edit in wanted[:4]])
        assert made.definitions() == []

    def test_all_faults_come_at_once_and_nothing_is_stored(self, made: Definitions):
        made.define("outgoing", "wide", "there", {})
        made.define("outgoing", "wide", "used", {})
        made.define("outgoing", "wide", "user", {"over": "used"})
        with pytest.raises(Invalid) as caught:
            made.change([
                Edit(("outgoing", "wide", "fine"), {}),
                Edit(("outgoing", "wide", "a"), {"port": 0, "hots": 1}),
                Edit(("outgoing", "wide", "b"), {"over": "nowhere"}),
                Edit(("outgoing", "wide", "c"), {"over": "a"}),
                Edit(("outgoing", "wide", "there"), {}, "create"),
                Edit(("outgoing", "wide", "used")),
                Edit(("outgoing", "wide", "none")),
                Edit(("outgoing", "wide", "user"), {}, seen_revision=1),
                Edit(("outgoing", "none", "x"), {}),
                Edit(("channel", "path", "d"), {"path": "/d", "service": "builtin"}),
                Edit(("channel", "path", "e"), {"path": "/d", "service": "nothing"}),
                Edit(("channel", "path", "f"), {"path": "/d", "service": "builtin"}),
                Edit(("security", "other", "\ud800"), {}),
            ])  # fmt: skip
        assert {
            path.partition(".")[2]: fault.partition(";")[0]
            for path, fault in caught.value.errors.items()
        } == {
            "wide.a.port": "Expected `int` >= 1",
            "wide.a.hots": "unknown setting",
            "wide.b.over": "there is no outgoing wide named 'nowhere'",
            "wide.there": "outgoing wide 'there' exists already",
            "wide.none": "outgoing wide 'none' does not exist",
            "wide.user": "outgoing wide 'user' was changed by somebody else: you saw revision 1, it is at revision 3",
            "none.x": "no outgoing of type 'none' is installed (there are: wide)",
            "path.e.service": "there is no service named 'nothing'",
            "path.f": "channel path 'f' needs the path /d, which channel path 'd' has already",
            "other.\ud800.name": "must have 1 to 200 characters, none of them / or a control character",
        }
        assert [row.name for row in made.definitions()] == ["there", "used", "user"]
        assert made.store.revision() == 3
        with pytest.raises(Invalid, match="in use by outgoing wide 'user'"):
            made.change(
                [
                    Edit(("outgoing", "wide", "used")),
                    Edit(("outgoing", "wide", "there"), {"port": 1}),
                ]
            )

    def test_a_claim_passes_from_what_goes_or_changes(self, made: Definitions):
        paths = {"a": "/a", "b": "/b", "c": "/c"}
        for name, path in paths.items():
            made.define("channel", "path", name, {"path": path, "service": "builtin"})
        swapped = {"a": "/b", "b": "/a", "d": "/c"}
        edits = [
            Edit(("channel", "path", name), {"path": path, "service": "builtin"})
            for name, path in swapped.items()
        ]
        made.change([*edits, Edit(("channel", "path", "c"))])
        assert {row.name: row.data["path"] for row in made.definitions()} == swapped
        assert made.store.claims("channel") == {
            f"the path {path}": ("channel", "path", name) for name, path in swapped.items()
        }


class TestWhatIsRefused:
    def test_all_faults_at_once_and_nothing_is_written(self, made: Definitions):
        faults = faults_of(made, "outgoing", "wide", "a", prot=1, port=0, host=5, login={"usr": ""})
        assert set(faults) == {"prot", "port", "host", "login.usr"}
        assert made.store.revision() == 0

    @pytest.mark.parametrize("name", ["", "a/b", "a\nb", "\0", "x" * 201, "\ud800", "\x7f"])
    def test_odd_names(self, made: Definitions, name: str):
        assert set(faults_of(made, "outgoing", "wide", name)) == {"name"}

    @pytest.mark.parametrize("name", ["a", "é ü", "a.b:c", "日本", "x" * 200, "'; --", "$a", "a b"])
    def test_names_that_are_fine(self, made: Definitions, name: str):
        made.define("outgoing", "wide", name, {})
        assert made.definition("outgoing", "wide", name).name == name
        made.delete("outgoing", "wide", name)

    @pytest.mark.parametrize(
        "value", [{"$env": 5}, {"$vault": "sealed"}, {"$odd": 1}, {"$encrypted": "x"}]
    )
    def test_odd_values(self, made: Definitions, value: Any):
        with pytest.raises(HansaError):
            made.define("outgoing", "wide", "a", {"host": value})
        deep: Any = value
        for _ in range(5000):
            deep = [deep]
        with pytest.raises(Invalid):
            made.define("outgoing", "wide", "a", {"host": deep})
        assert made.store.revision() == 0

    def test_any_text_can_be_stored(self, made: Definitions):
        for text in ("\ud800", "\0", "é", "' OR 1", "\U0001f600"):
            made.define("outgoing", "wide", "a", {"host": text})
            assert made.definition("outgoing", "wide", "a").data == {"host": text}

    def test_types_services_formats_and_definitions_that_are_not_there(self, made: Definitions):
        with pytest.raises(NotFound, match="no outgoing of type 'no' is installed"):
            made.define("outgoing", "no", "a", {})
        assert set(
            faults_of(made, "channel", "path", "c", path="/a", service="builtin", format="no")
        ) == {"format"}
        assert faults_of(
            made, "channel", "path", "c", path="/a", service="no", security=["x", "y"]
        ) == {
            "service": "there is no service named 'no'",
            "security": "there is no security named 'y'",
        }
        assert (
            "outgoing wide named 'x'" in faults_of(made, "outgoing", "wide", "a", over="x")["over"]
        )

    def test_a_claim_of_another(self, made: Definitions):
        for name in ("a", "b"):
            made.define("channel", "path", name, {"path": f"/{name}", "service": "builtin"})
        with pytest.raises(
            Conflict, match="channel path 'b' needs the path /a, which channel path 'a' has already"
        ):
            made.define("channel", "path", "b", {"path": "/a"}, mode="edit")
        made.define("security", "other", "s", {})
        with pytest.raises(Conflict, match="the name s"):
            made.define("security", "hashed", "s", {"password": "p"})

    def test_what_comes_with_a_plugin(self, made: Definitions):
        row = DefinitionRecord("channel", "path", "fixed", {"path": "/a", "service": "builtin"}, builtin=True)
        made.builtin = {row.key: row}
        assert made.definition(*row.key) == row
        assert row in made.definitions("channel")
        for change in (lambda: made.define(*row.key, {}), lambda: made.delete(*row.key)):
            with pytest.raises(Conflict, match="comes with a plugin"):
                change()
        with pytest.raises(Conflict, match=r"which the built-in channel path 'fixed' has"):
            made.define("channel", "path", "mine", {"path": "/a", "service": "builtin"})

    def test_modes(self, made: Definitions):
        with pytest.raises(NotFound):
            made.define("outgoing", "wide", "a", {}, mode="edit")
        made.define("outgoing", "wide", "a", {}, mode="create")
        with pytest.raises(Conflict):
            made.define("outgoing", "wide", "a", {}, mode="create")
        made.define("outgoing", "wide", "a", {"host": "h", "port": 5})
        made.define("outgoing", "wide", "a", {"port": 6})
        assert made.definition("outgoing", "wide", "a").data == {"port": 6}

    def test_an_edit_from_an_old_view(self, made: Definitions):
        first = made.define("outgoing", "wide", "a", {})["revision"]
        made.define("outgoing", "wide", "a", {"port": 5}, mode="edit", seen_revision=first)
        for change in (
            lambda: made.define(
                "outgoing", "wide", "a", {"port": 6}, mode="edit", seen_revision=first
            ),
            lambda: made.delete("outgoing", "wide", "a", seen_revision=first),
        ):
            with pytest.raises(Conflict, match="you saw revision 1"):
                change()


def test_edits_of_different_settings_at_once_lose_nothing(made: Definitions):
    """Who gets a conflict knows that nothing was changed; who gets none knows that it was."""
    made.define("outgoing", "wide", "a", {"tokens": {}})
    gate, accepted = threading.Barrier(3), []

    def edit(name: str) -> None:
        for number in range(15):
            gate.wait(20)
            try:
                if name == "port":
                    made.define(
                        "outgoing", "wide", "a", {"port": number + 1}, mode="edit", wait=False
                    )
                else:
                    made.define(
                        "outgoing", "wide", "a", {name: f"{number}"}, mode="edit", wait=False
                    )
                accepted.append((name, str(number + 1) if name == "port" else str(number)))
            except Conflict:
                pass

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(edit, ["host", "port", "password"]))
    config, last = made.read(made.definition("outgoing", "wide", "a")), dict(accepted)
    found = {"host": config.host, "port": str(config.port), "password": config.password}
    assert {name: found[name] for name in last} == last
    assert len(accepted) >= 15


class TestServices:
    SOURCE = "from hansa import Service\nclass A(Service):\n    name = {name!r}\n    def handle(self): return {answer!r}\n"

    def deploy(
        self, made: Definitions, file: str = "x.py", name: str = "a", answer: Any = 1
    ) -> dict[str, Any]:
        answer = made.deploy({file: self.SOURCE.format(name=name, answer=answer)}, by="jane")
        return {**answer.pop("packages")[0], **answer}

    def test_versions(self, made: Definitions):
        first = self.deploy(made)
        assert (first["file"], first["version"], first["services"], first["revision"]) == (
            "x.py",
            1,
            ["a"],
            1,
        )
        again = self.deploy(made)
        assert (again["version"], again["revision"]) == (1, 1), "the same source is no new version"
        assert self.deploy(made, answer=2)["version"] == 2
        back = self.deploy(made)
        assert (back["version"], back["services"], back["revision"]) == (1, ["a"], 3), (
            "what was deployed before"
        )
        serving, second = made.store.package("x.py"), made.store.package("x.py", 2)
        assert serving and "return 1" in serving.files["x.py"]
        assert second and "return 2" in second.files["x.py"]
        assert made.store.package("x.py", 3) is None
        assert [(p.version, p.current, p.by) for p in made.store.packages()] == [
            (1, True, "jane"),
            (2, False, "jane"),
        ]

    def test_names_of_others(self, made: Definitions):
        with pytest.raises(Conflict, match="the service builtin comes with a plugin"):
            self.deploy(made, name="builtin")
        self.deploy(made)
        with pytest.raises(Conflict, match=r"the service a is already given by x.py"):
            self.deploy(made, file="y.py")

    def test_what_does_not_import_is_not_stored(self, made: Definitions):
        with pytest.raises(Invalid, match=r"x.py, line 1: SyntaxError"):
            made.deploy({"x.py": "x = = 1"})
        with pytest.raises(Invalid, match="must be letters"):
            made.deploy({"../x.py": ""})
        assert made.store.revision() == 0

    def test_taken_out_of_service_alone_or_as_others_come(self, made: Definitions):
        self.deploy(made)
        with pytest.raises(NotFound, match=r"no file 'a.py' is deployed"):
            made.deploy({}, gone=["a.py"])
        assert made.deploy({}, gone=["x.py"])["packages"] == []
        self.deploy(made)
        answer = made.deploy({"y.py": self.SOURCE.format(name="a", answer=2)}, gone=["x.py"])
        assert ([p["file"] for p in answer["packages"]], answer["revision"]) == (["y.py"], 4)
        assert made.store.serving() == {"y.py": 1}


def back(made: Definitions, file: str, version: int) -> Any:
    """Let an older version serve again; gives the version that does."""
    package = made.store.package(file, version)
    assert package
    return made.deploy(package.files)["packages"][0]["version"]


class TestHelpers:
    """Packages that import each other: one change, tried with all that it means for others."""

    HELPER = "def f(): return {answer!r}\n"
    USER = "from hansa import Service\nfrom {module} import f\nclass A(Service):\n    def handle(self):\n        return f()\n"

    def deploy(self, made: Definitions, answer: Any = 1, **more: str) -> dict[str, Any]:
        files = {"uses.py": self.USER.format(module="rates.tables"), "rates/__init__.py": ""}
        return made.deploy({**files, "rates/tables.py": self.HELPER.format(answer=answer), **more})

    def test_several_files_are_one_change_in_any_order(self, made: Definitions):
        answer = self.deploy(made)
        assert answer == {
            "packages": [
                {"file": "rates/", "version": 1, "services": []},
                {"file": "uses.py", "version": 1, "services": ["uses.a"]},
            ],
            "revision": 1,
            "applied": [],
            "pending": [],
        }
        assert [(c.name, c.revision) for c in made.store.changes(0)] == [
            ("rates/", 1),
            ("uses.py", 1),
        ]
        again = self.deploy(made, answer=2)
        assert [(p["file"], p["version"]) for p in again["packages"]] == [
            ("rates/", 2),
            ("uses.py", 1),
        ]
        assert [c.name for c in made.store.changes(1)] == ["rates/"]
        found = made.store.package("rates/")
        assert found and found.files == {
            "rates/__init__.py": "",
            "rates/tables.py": self.HELPER.format(answer=2),
        }

    def test_all_or_none(self, made: Definitions):
        with pytest.raises(Invalid, match=r"other.py, line 1: SyntaxError"):
            self.deploy(made, **{"other.py": "x = = 1"})
        with pytest.raises(Invalid, match=r"'more/x.py' must be"):
            self.deploy(made, **{"more/x.py": ""})
        assert (made.store.revision(), made.store.packages()) == (0, [])

    def test_a_helper_that_breaks_its_users_is_refused_also_when_it_comes_back(
        self, made: Definitions
    ):
        made.deploy({"rates.py": "def g(): pass\n"})
        made.deploy(
            {"rates.py": self.HELPER.format(answer=1), "uses.py": self.USER.format(module="rates")}
        )
        told = r"uses.py, line 2: ImportError: cannot import name 'f' from 'rates' \(rates.py\)"
        with pytest.raises(Invalid, match=told):
            made.deploy({"rates.py": "def g(): pass\ndef h(): pass\n"})
        with pytest.raises(Invalid, match=told):
            back(made, "rates.py", 1)
        assert made.store.serving() == {"rates.py": 2, "uses.py": 1}
        made.deploy({"rates.py": self.HELPER.format(answer=3)})
        assert back(made, "rates.py", 2) == 2
        assert back(made, "rates.py", 3) == 3

    def test_a_user_whose_old_version_needs_an_old_helper_does_not_come_back_alone(
        self, made: Definitions
    ):
        made.deploy(
            {
                "rates.py": "def g(): pass\n",
                "uses.py": self.USER.format(module="rates").replace(" f", " g", 1),
            }
        )
        made.deploy(
            {"rates.py": self.HELPER.format(answer=1), "uses.py": self.USER.format(module="rates")}
        )
        with pytest.raises(Invalid, match="cannot import name 'g'"):
            back(made, "uses.py", 1)

    def test_what_is_imported_is_not_deleted_and_its_users_are_named(self, made: Definitions):
        self.deploy(made, **{"more.py": "def late():\n    import uses\n"})
        with pytest.raises(Conflict, match=r"in use: rates is imported by more.py, uses.py"):
            made.deploy({}, gone=["rates/"])
        with pytest.raises(Conflict, match=r"in use: uses is imported by more.py"):
            made.deploy({}, gone=["uses.py"])
        for name in ("more.py", "uses.py", "rates/"):
            made.deploy({}, gone=[name])
        assert made.store.serving() == {}
        with pytest.raises(NotFound, match="no file 'rates/' is deployed"):
            made.deploy({}, gone=["rates/"])
        assert back(made, "rates/", 1) == 1, "what was deleted can be brought back by its number"

    def test_a_circle_is_deleted_together(self, made: Definitions):
        made.deploy({"one.py": "import two", "two.py": "import one"})
        with pytest.raises(Conflict, match=r"in use: one is imported by two.py"):
            made.deploy({}, gone=["one.py"])
        assert made.deploy({}, gone=["one.py", "two.py"])["revision"] == 2

    def test_a_module_that_grows_into_a_folder_takes_its_place(self, made: Definitions):
        made.deploy(
            {"rates.py": self.HELPER.format(answer=1), "uses.py": self.USER.format(module="rates")}
        )
        made.deploy(
            {
                "rates/__init__.py": "from .tables import f",
                "rates/tables.py": self.HELPER.format(answer=2),
            }
        )
        assert made.store.serving() == {"rates/": 1, "uses.py": 1}
        assert back(made, "rates.py", 1) == 1
        assert made.store.serving() == {"rates.py": 1, "uses.py": 1}

    def test_names_that_depend_on_a_helper_follow_it(self, made: Definitions):
        source = "from hansa import Service\nfrom rates import NAME\nclass A(Service):\n    name = NAME\n"
        made.deploy({"rates.py": "NAME = 'a'", "uses.py": source})
        made.deploy({"rates.py": "NAME = 'b'"})
        found = {p.file: [*p.services.values()] for p in made.store.packages(current=True)}
        assert found == {"rates.py": [], "uses.py": ["b"]}
        with pytest.raises(Conflict, match="the service builtin comes with a plugin"):
            made.deploy({"rates.py": "NAME = 'builtin'"})

    def test_the_files_of_all_versions_are_listed(self, made: Definitions):
        self.deploy(made)
        self.deploy(made, **{"rates/more.py": ""})
        assert [(p.file, p.version, sorted(p.files)) for p in made.store.packages()] == [
            ("rates/", 1, ["rates/__init__.py", "rates/tables.py"]),
            ("rates/", 2, ["rates/__init__.py", "rates/more.py", "rates/tables.py"]),
            ("uses.py", 1, ["uses.py"]),
        ]

    def test_at_the_same_time_each_is_tried_with_what_serves_then(self, made: Definitions):
        """Whichever of two contradicting changes is first, the other is refused: no half of each is ever served."""
        made.deploy({"rates.py": "f = g = 1", "uses.py": self.USER.format(module="rates")})

        def attempt(files: dict[str, str]) -> str:
            try:
                made.deploy(files)
                return "done"
            except Invalid as invalid:
                return invalid.errors["source"]

        uses_g = {"uses.py": self.USER.format(module="rates").replace(" f", " g", 1)}
        with ThreadPoolExecutor(4) as pool:
            others = [pool.submit(attempt, {f"other{number}.py": ""}) for number in range(2)]
            found = list(pool.map(attempt, [{"rates.py": "f = 1"}, uses_g]))
        assert [other.result() for other in others] == ["done", "done"]
        assert sorted(text.partition(" ")[0] for text in found) == ["done", "uses.py,"]
        assert back(made, "other0.py", 1) == 1


class TestWhoHasIt:
    def test_workers_that_have_it_and_those_that_do_not_yet(self, made: Definitions):
        made.store.report_applied("s/0", "s", 0)
        made.store.report_applied("s/1", "s", 5)
        began = time.monotonic()
        answer = made.define("outgoing", "wide", "a", {})
        assert answer == {"revision": 1, "applied": ["s/1"], "pending": ["s/0"]}
        assert 0.3 <= time.monotonic() - began < 5
        assert made.bus.nudges == [1]

    def test_it_is_waited_for(self, made: Definitions, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(module, "APPLY_WAIT", 20)
        made.store.report_applied("s/0", "s", 0)
        made.wake = threading.Timer(0.2, lambda: made.store.report_applied("s/0", "s", 1)).start
        began = time.monotonic()
        assert made.define("outgoing", "wide", "a", {})["applied"] == ["s/0"]
        assert time.monotonic() - began < 10

    def test_the_silent_are_not_waited_for(
        self, made: Definitions, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(module, "SILENT", 0.05)
        made.store.report_applied("dead", "s", 0)
        time.sleep(0.1)
        assert made.define("outgoing", "wide", "a", {}) == {
            "revision": 1,
            "applied": [],
            "pending": [],
        }
