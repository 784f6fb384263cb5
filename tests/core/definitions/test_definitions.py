"""Definitions: what is stored of what was given, what is refused, and who has applied it."""

from __future__ import annotations

import base64
import os
import threading
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
from hansa.contract.records import Applied, DefinitionRecord, Reference
from hansa.contract.registry import RegisteredService
from hansa.definitions.definitions import Definitions
from hansa.definitions.edit import CheckedEdit
from hansa.odb.keys import Keys
from hansa.plugins.registry import Registry

from tests.core.stores import Stores

KEYS = Keys(base64.urlsafe_b64encode(os.urandom(32)).decode())


class Login(Model):
    user: Annotated[str, setting("User")] = ""
    password: Annotated[Secret | None, setting("Password")] = None


class Retry(Model):
    times: Annotated[int, setting("How often", ge=0)] = 3
    through: Annotated[str, setting("Proxy", refers="outgoing wide")] = ""


class Wide(Model):
    host: Annotated[str, setting("Host")] = "localhost"
    port: Annotated[int, setting("Port", ge=1)] = 80
    password: Annotated[Secret | None, setting("Password")] = None
    login: Login = Login()
    logins: list[Login] = []
    tokens: dict[str, Secret] = {}
    over: Annotated[str | None, setting("Another", refers="outgoing wide")] = None
    retry: Annotated[Retry, setting("Retries")] = Retry()
    several: Annotated[list[Retry], setting("Many")] = []
    by_day: Annotated[dict[str, Retry], setting("By day")] = {}

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


@pytest.fixture
def made(store: Stores, plain: type) -> Definitions:
    registry = Registry()
    registry.add_types("p", [WideOutgoing, PathChannel, HashedSecurity, OtherSecurity, plain])
    registry.replace_services("plugin p", [RegisteredService("builtin", Builtin, "plugin p")])

    def secret(reference: str, value: Any) -> str | None:
        if value == "sealed":
            raise Unavailable("the vault is sealed")
        return f"from the vault: {value}" if reference == "vault" else None

    def announce(revision: int, *, wait: bool = True) -> Applied:
        return Applied(revision, [], [])

    return Definitions(store.definitions, registry, KEYS, announce, secret)


def nothing(reference: Reference) -> bool:
    """Nothing exists but what is stored."""
    return False


def faults_of(made: Definitions, kind: str, type: str, name: str, /, **data: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        made.define(kind, type, name, data)
    return caught.value.errors


def config_of(made: Definitions, kind: str, type: str, name: str) -> Any:
    """The settings of a definition as an object receives them, in the model of its type."""
    return made.read(made.get(kind, type, name))


class TestWhatIsStored:
    def test_what_was_given_and_nothing_else(self, made: Definitions):
        made.define("outgoing", "wide", "a", {"port": 81, "active": True})
        assert made.get("outgoing", "wide", "a").data == {"port": 81, "active": True}
        assert config_of(made, "outgoing", "wide", "a").host == "localhost"

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
        stored = made.get("outgoing", "wide", "a").data
        assert stored["login"]["user"] == {"$env": "HOME"}
        assert stored["tokens"]["b"] == {"$env": "HOME"}
        config = config_of(made, "outgoing", "wide", "a")
        assert (config.password, config.login.password, config.tokens["a"]) == (
            "hush-1",
            "hush-6",
            "hush-5",
        )
        assert [login.password for login in config.logins] == ["hush-3", "hush-4"]
        assert config.tokens["b"] == os.environ["HOME"] == config.logins[1].user
        made.store.database.engine.dispose()
        for file in tmp_path.iterdir():
            assert b"hush" not in file.read_bytes(), file

    def test_references_are_kept_and_read_when_needed(
        self, made: Definitions, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setenv("A_PORT", "8080")
        made.define(
            "outgoing", "wide", "a", {"port": {"$env": "A_PORT"}, "password": {"$vault": "path"}}
        )
        row = made.get("outgoing", "wide", "a")
        assert row.data == {"port": {"$env": "A_PORT"}, "password": {"$vault": "path"}}
        config = config_of(made, "outgoing", "wide", "a")
        assert (config.port, config.password) == (8080, "from the vault: path")
        monkeypatch.delenv("A_PORT")
        with pytest.raises(Invalid, match="port: the environment variable A_PORT is not set"):
            made.read(row)

    def test_a_stored_secret_is_encrypted_once(self, made: Definitions):
        made.define("outgoing", "wide", "a", {"password": "hush"})
        first = made.get("outgoing", "wide", "a").data
        made.define("outgoing", "wide", "a", {"host": "h"}, mode="edit")
        assert made.get("outgoing", "wide", "a").data == {**first, "host": "h"}
        made.define("outgoing", "wide", "a", {"password": None}, mode="edit")
        assert config_of(made, "outgoing", "wide", "a").password is None

    def test_what_a_type_prepares_is_stored_and_prepared_once(self, made: Definitions):
        made.define("security", "hashed", "a", {"password": "hush"})
        config = config_of(made, "security", "hashed", "a")
        assert (config.password, config.rounds) == ("#hsuh", 3)
        made.define("security", "hashed", "a", {"active": False}, mode="edit")
        assert config_of(made, "security", "hashed", "a").password == "#hsuh"
        made.define("security", "hashed", "a", {"password": "new"}, mode="edit")
        assert config_of(made, "security", "hashed", "a").password == "#wen"

    def test_what_an_older_version_stored_is_read_and_edited(self, made: Definitions):
        made.store.change(
            [CheckedEdit(Edit(("outgoing", "wide", "a"), {"hostname": "old"}))], nothing
        )
        assert config_of(made, "outgoing", "wide", "a").host == "old"
        assert made.get("outgoing", "wide", "a").data == {"host": "old"}
        assert [record.data for record in made.all("outgoing")] == [{"host": "old"}]
        made.define("outgoing", "wide", "a", {"port": 5}, mode="edit")
        config = config_of(made, "outgoing", "wide", "a")
        assert (config.host, config.port) == ("old", 5)
        made.define("outgoing", "wide", "a", {"host": "new"}, mode="edit")
        assert config_of(made, "outgoing", "wide", "a").host == "new"

    def test_what_the_plugin_of_a_type_stored_is_read_as_it_is_without_it(self, made: Definitions):
        made.store.change(
            [CheckedEdit(Edit(("outgoing", "gone", "a"), {"hostname": "old"}))], nothing
        )
        assert made.get("outgoing", "gone", "a").data == {"hostname": "old"}

    def test_prepared_edits_are_in_the_form_that_is_stored_and_prepared_once(
        self, made: Definitions, monkeypatch: pytest.MonkeyPatch
    ):
        edits = [
            Edit(("security", "hashed", "a"), {"password": "hush"}),
            Edit(("outgoing", "wide", "b"), {"hostname": "h", "login": {"password": "hush"}}),
        ]
        prepared = made.prepare(edits)
        assert made.all() == []
        first, second = (edit.data for edit in prepared)
        assert second is not None
        assert second == {"host": "h", "login": {"password": second["login"]["password"]}}
        assert list(second["login"]["password"]) == ["$encrypted"]
        made.change(prepared)
        assert [record.data for record in made.all()] == [second, first]
        assert config_of(made, "security", "hashed", "a").password == "#hsuh"
        with pytest.raises(Invalid) as caught:
            made.prepare([*edits, Edit(("outgoing", "wide", "c"), {"port": 0})])
        assert list(caught.value.errors) == ["outgoing.wide.c.port"]

    def test_a_section_of_a_preview_is_merged_as_an_edit_merges_it(self, made: Definitions):
        made.define("outgoing", "wide", "a", {"login": {"user": "jane", "password": "hush"}})
        record = made.preview(Edit(("outgoing", "wide", "a"), {"login": {"user": "joe"}}, "edit"))
        config: Any = made.read(record)
        assert (config.login.user, config.login.password) == ("joe", "hush")


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
        assert made.change(wanted).revision == 2
        assert {row.revision for row in made.all()} == {2}
        assert len(made.all()) == 4
        assert {change.name for change in made.store.database.changes(1)} == {
            "a",
            "b",
            "c",
            "s",
            "old",
        }
        made.change([Edit(edit.key) for edit in wanted[:4]])
        assert made.all() == []

    def test_all_faults_come_at_once_and_nothing_is_stored(self, made: Definitions):
        made.define("outgoing", "wide", "there", {})
        made.define("outgoing", "wide", "used", {})
        made.define("outgoing", "wide", "user", {"over": "used"})
        with pytest.raises(Invalid) as caught:
            made.change(
                [
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
                ]
            )
        assert {
            path.partition(".")[2]: fault.partition(";")[0]
            for path, fault in caught.value.errors.items()
        } == {
            "wide.a.port": "Expected `int` >= 1",
            "wide.a.hots": "unknown setting",
            "wide.b.over": "there is no outgoing wide named 'nowhere'",
            "wide.there": "outgoing wide 'there' exists already",
            "wide.none": "outgoing wide 'none' does not exist",
            "wide.user": (
                "outgoing wide 'user' was changed by somebody else: you saw revision 1, "
                "it is at revision 3"
            ),
            "none.x": "no outgoing of type 'none' is installed (there are: wide)",
            "path.e.service": "there is no service named 'nothing'",
            "path.f": "channel path 'f' needs the path /d, which channel path 'd' has already",
            "other.\ud800.name": "must have 1 to 200 characters, none of them / or a control character",
        }
        assert [row.name for row in made.all()] == ["there", "used", "user"]
        assert made.store.database.revision() == 3
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
        assert {row.name: row.data["path"] for row in made.all()} == swapped
        assert made.store.claims("channel") == {
            f"the path {path}": ("channel", "path", name) for name, path in swapped.items()
        }


class TestAllFaultsAtOnce:
    """Faulty settings, those that are missing or unknown, and names of what is not there, at any
    depth.
    """

    def test_of_a_new_definition(self, made: Definitions):
        data = {
            "format": "jsn",
            "service": "no",
            "security": ["x", "builtin"],
            "pth": "/a",
            "active": "yes",
        }
        found = made.validate([Edit(("channel", "path", "a/b"), data)])
        assert {path.removeprefix("channel.path.a/b."): fault for path, fault in found.items()} == {
            "name": "must have 1 to 200 characters, none of them / or a control character",
            "path": "required, and missing",
            "pth": "unknown setting; did you mean path?",
            "active": "Expected `bool`, got `str`",
            "format": "there is no format named 'jsn'",
            "service": "there is no service named 'no'",
            "security": ("there is no security named 'builtin'; there is no security named 'x'"),
        }
        with pytest.raises(Invalid) as caught:
            made.define("channel", "path", "a/b", data)
        assert set(caught.value.errors) == {path.rpartition(".")[2] for path in found}

    def test_below_references_that_lead_nowhere(self, made: Definitions):
        faults = faults_of(
            made,
            "outgoing",
            "wide",
            "a",
            host={"$env": "NOT_SET_AT_ALL"},
            login={"user": {"$file": "/nowhere"}, "pasword": "x"},
            port=0,
            over="none",
        )
        assert set(faults) == {"host", "login.user", "login.pasword", "port", "over"}
        assert "NOT_SET_AT_ALL is not set" in faults["host"]

    def test_of_an_edit_beside_what_is_stored(self, made: Definitions):
        made.define("outgoing", "wide", "a", {"port": 5})
        with pytest.raises(Invalid) as caught:
            made.define("outgoing", "wide", "a", {"host": 1, "over": "none"}, mode="edit")
        assert set(caught.value.errors) == {"host", "over"}

    def test_names_in_models_lists_and_tables(self, made: Definitions):
        nested = {
            "retry": {"through": "p"},
            "several": [{}, {"through": "q"}],
            "by_day": {"monday": {"through": "r"}},
        }
        assert faults_of(made, "outgoing", "wide", "a", **nested) == {
            "retry.through": "there is no outgoing wide named 'p'",
            "several[1].through": "there is no outgoing wide named 'q'",
            "by_day.monday.through": "there is no outgoing wide named 'r'",
        }
        for name in "pqr":
            made.define("outgoing", "wide", name, {})
        made.define("outgoing", "wide", "a", nested)
        with pytest.raises(Conflict, match=r"outgoing wide 'a' \(several\[1\].through = q\)"):
            made.delete("outgoing", "wide", "q")

    def test_services_that_are_to_come(self, made: Definitions):
        edits = [
            Edit(("channel", "path", "c"), {"path": "/c", "service": "to.come", "format": "x"})
        ]
        assert set(made.validate(edits)) == {"channel.path.c.service", "channel.path.c.format"}
        assert set(made.validate(edits, any_service=True)) == {"channel.path.c.format"}

    def test_what_is_deleted_with_it_counts_as_gone(self, made: Definitions):
        made.define("outgoing", "wide", "a", {})
        made.define("outgoing", "wide", "b", {"over": "a"})
        edits = [Edit(("outgoing", "wide", "a")), Edit(("outgoing", "wide", "b"), {"over": "a"})]
        assert made.validate(edits) == {
            "outgoing.wide.b.over": "there is no outgoing wide named 'a'"
        }

    def test_settings_are_tried_beside_the_definition_that_has_the_path(self, made: Definitions):
        made.define("channel", "path", "a", {"path": "/a", "service": "builtin"})
        record = made.preview(Edit(("channel", "path", "b"), {"path": "/a", "service": "builtin"}))
        assert record.data["path"] == "/a"
        with pytest.raises(Invalid) as caught:
            made.preview(Edit(("channel", "path", "b"), {"path": 5, "service": "no"}))
        assert set(caught.value.errors) == {"path", "service"}


def test_what_exists(made: Definitions):
    made.define("outgoing", "wide", "a", {})
    fixed = ("outgoing", "wide", "b")
    made.builtin[fixed] = DefinitionRecord(*fixed, {}, builtin=True)
    there = [
        ("outgoing", "wide", "a"),
        ("outgoing", "", "a"),
        ("outgoing", "", "b"),
        ("outgoing", "wide", "b"),
        ("service", "", "builtin"),
        ("format", "", "plain"),
    ]
    assert all(made.exists(*key) for key in there)
    missing = [
        ("outgoing", "wide", "c"),
        ("security", "", "a"),
        ("outgoing", "slim", "b"),
        ("security", "wide", "b"),
        ("service", "", "a"),
        ("format", "", "json"),
    ]
    assert not any(made.exists(*key) for key in missing)


class TestWhatIsRefused:
    def test_all_faults_at_once_and_nothing_is_written(self, made: Definitions):
        faults = faults_of(made, "outgoing", "wide", "a", prot=1, port=0, host=5, login={"usr": ""})
        assert set(faults) == {"prot", "port", "host", "login.usr"}
        assert made.store.database.revision() == 0

    @pytest.mark.parametrize("name", ["", "a/b", "a\nb", "\0", "x" * 201, "\ud800", "\x7f"])
    def test_odd_names(self, made: Definitions, name: str):
        assert set(faults_of(made, "outgoing", "wide", name)) == {"name"}

    @pytest.mark.parametrize("name", ["a", "é ü", "a.b:c", "日本", "x" * 200, "'; --", "$a", "a b"])
    def test_names_that_are_fine(self, made: Definitions, name: str):
        made.define("outgoing", "wide", name, {})
        assert made.get("outgoing", "wide", name).name == name
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
        assert made.store.database.revision() == 0

    def test_what_is_left_of_a_type_that_is_gone_can_be_deleted(self, made: Definitions):
        made.define("outgoing", "wide", "a", {})
        made.define("outgoing", "wide", "b", {"over": "a"})
        assert isinstance(made.registry, Registry)
        made.registry.remove_types("p")
        with pytest.raises(Conflict, match="in use by"):
            made.delete("outgoing", "wide", "a")
        made.delete("outgoing", "wide", "b")
        made.delete("outgoing", "wide", "a")
        assert made.all() == []

    def test_any_text_can_be_stored(self, made: Definitions):
        for text in ("\ud800", "\0", "é", "' OR 1", "\U0001f600"):
            made.define("outgoing", "wide", "a", {"host": text})
            assert made.get("outgoing", "wide", "a").data == {"host": text}

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
            "security": "there is no security named 'x'; there is no security named 'y'",
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
        row = DefinitionRecord(
            "channel", "path", "fixed", {"path": "/a", "service": "builtin"}, builtin=True
        )
        made.builtin[row.key] = row
        assert made.get(*row.key) == row
        assert row in made.all("channel")
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
        assert made.get("outgoing", "wide", "a").data == {"port": 6}

    def test_an_edit_that_changes_nothing_makes_no_revision(self, made: Definitions):
        key = ("outgoing", "wide", "a")
        data = {"port": 5, "password": "s3cret", "login": {"user": "x", "password": "y"}}
        first = made.define(*key, data).revision
        for mode, same in (("edit", {}), ("edit", {"port": 5}), ("edit", data), ("set", data)):
            assert made.define(*key, same, mode=mode).revision == first
        assert made.store.database.revision() == first
        assert len(made.store.database.changes(0)) == 1
        with pytest.raises(Conflict, match="you saw revision"):
            made.define(*key, {"port": 5}, mode="edit", seen_revision=first + 1)
        # others of the same transaction are stored
        second = made.change([Edit(key, data, "set"), Edit((*key[:2], "b"), {}, "create")])
        assert second.revision == first + 1
        assert made.get(*key).revision == first
        assert made.define(*key, {"port": 6}, mode="edit").revision == first + 2
        assert made.define(*key, {"password": "another"}, mode="edit").revision == first + 3

    def test_what_is_looked_up_may_have_changed(self, made: Definitions):
        data = {"password": {"$vault": "path"}}
        first = made.define("outgoing", "wide", "a", data).revision
        assert made.define("outgoing", "wide", "a", {}, mode="edit").revision == first + 1

    def test_an_edit_from_an_old_view(self, made: Definitions):
        first = made.define("outgoing", "wide", "a", {}).revision
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
    config, last = config_of(made, "outgoing", "wide", "a"), dict(accepted)
    found = {"host": config.host, "port": str(config.port), "password": config.password}
    assert {name: found[name] for name in last} == last
    assert len(accepted) >= 15
