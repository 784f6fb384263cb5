"""What a plan says is what apply does, for random configurations of every type that is installed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hansa import Invalid, Secret
from hansa.definitions.definitions import Definitions
from hansa_admin.export import export
from hansa_admin.orphans import orphans
from hansa_admin.plan import Plan
from hansa_security.credential import hash_password
from hypothesis import HealthCheck, given, settings, strategies as st

from tests.core.definitions import test_every_type as every
from tests.core.definitions.test_every_type import installed as installed

if TYPE_CHECKING:
    from plugins.admin.tests.conftest import Server


@st.composite
def configurations(draw: st.DrawFn) -> dict[str, Any]:
    """Definitions by kind, type and name; often all of them good."""
    make = draw(st.sampled_from([every.any_edit, every.good_edit, every.good_edit]))
    config: dict[str, Any] = {}
    for one in draw(st.lists(st.sampled_from(every.TYPES), max_size=4)):
        edit = draw(make(one))
        types = config.setdefault(one.kind, {})
        types.setdefault(one.type, {})[edit.key[2]] = edit.data or {}
    return config


def server_of(installed: Definitions) -> Any:
    """What a plan needs of a server."""
    return SimpleNamespace(
        registry=installed.registry,
        definitions=installed,
        packages=SimpleNamespace(current=list),
    )


def test_a_clear_password_is_hashed_once(
    installed: Definitions, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []

    def counted(password: str) -> Secret:
        hashed.append(password)
        return hash_password(password)

    monkeypatch.setattr("hansa_security.basic.hash_password", counted)
    user = {"username": "jane", "password": "hush-hush-hush"}
    Plan(server_of(installed), {"security": {"basic": {"jane": user}}}, None).apply()
    assert hashed == ["hush-hush-hush"]
    stored = installed.get("security", "basic", "jane").data
    assert stored["username"] == "jane"
    assert list(stored["password"]) == ["$encrypted"]


def test_definitions_of_a_plugin_that_is_gone_are_exported_planned_and_deleted(
    installed: Definitions, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = server_of(installed)
    user = {"username": "jane", "password": "hush-hush-hush"}
    Plan(server, {"security": {"basic": {"jane": user}}}, None, prune=True).apply()
    registry = installed.registry
    types = {(one.kind, one.type): one for one in registry.types() if one.plugin != "security"}
    monkeypatch.setattr(registry, "_types", types)
    assert [record.key for record in orphans(server)] == [("security", "basic", "jane")]
    exported = export(server)
    plan = Plan(server, exported, None, prune=True)
    assert plan.steps == [] and plan.unchanged == 1
    exported["security"]["basic"]["jane"]["username"] = "joe"
    with pytest.raises(Invalid, match="no plugin here gives security of type basic"):
        Plan(server, exported, None)
    plan = Plan(server, {}, None, prune=True)
    assert [step.action for step in plan.steps] == ["delete"]
    plan.apply()
    assert orphans(server) == []


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(config=st.deferred(configurations), prune=st.booleans())
def test_what_is_planned_is_applied(
    installed: Definitions, config: dict[str, Any], prune: bool
) -> None:
    server = server_of(installed)
    before = {record.key for record in installed.all()}
    revision = installed.store.database.revision()
    try:
        plan = Plan(server, config, None, prune=prune)
    except Invalid:
        assert installed.store.database.revision() == revision
        return
    applied = plan.apply()
    assert (applied is None) == (plan.steps == [])
    made = {step.key for step in plan.steps if step.action == "create"}
    gone = {step.key for step in plan.steps if step.action == "delete"}
    assert {record.key for record in installed.all()} == (before | made) - gone
    again = Plan(server, config, None, prune=prune)
    # a secret in clear text counts as changed, since what is stored cannot be compared with it
    assert {step.action for step in again.steps} <= {"edit"}


GOOD = {"url_path": "/a", "service": "rates.plain", "format": "json"}
REFUSED: dict[str, Any] = {
    "values": {"url_path": 5, "service": "rates.none", "format": "jsn", "security": ["a"], "x": 1},
    "between settings": GOOD | {"url_path": "no-slash", "method": "G T"},
    "a taken path": GOOD | {"url_path": "/taken"},
    "an address of Hansa": GOOD | {"url_path": "/hansa/api/mine"},
    "an admin service without security": GOOD | {"service": "admin.server.status"},
    "a variable that is not set": GOOD | {"url_path": {"$env": "HANSA_NOT_SET"}},
    "a file that is not there": GOOD | {"service": {"$file": "/nothing/there"}},
    "x" * 201: GOOD,
    "": GOOD,
}


@pytest.mark.parametrize("name", REFUSED)
def test_plan_and_create_refuse_the_same_settings(server: Server, name: str) -> None:
    server.call("admin.channel.http.create", GOOD | {"name": "taken", "url_path": "/taken"})
    asked = REFUSED[name]
    created = server.api("admin.channel.http.create", asked | {"name": name})
    planned = server.api("admin.config.plan", {"config": {"channel": {"http": {name: asked}}}})
    assert created.status in (400, 409), created.raw
    assert planned.status == 400, planned.raw
    expected = created.json.get("errors")
    if expected:
        prefix = f"channel.http.{name}."
        found = {path.removeprefix(prefix): fault for path, fault in planned.json["errors"].items()}
        assert found.keys() == expected.keys()
        assert all(found[path] == expected[path] for path in found if path != "name")
    else:  # a conflict, which a plan reports by the definition
        assert created.json["detail"] in planned.json["detail"]
