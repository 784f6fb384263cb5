"""Kinds that plugins add: what is derived of every kind is derived of these, too."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import click
import pytest
from hansa import Definition, Edit, Invalid, Model, RegisteredType, setting
from hansa.contract.records import Applied
from hansa.definitions.definitions import Definitions
from hansa.odb.keys import Keys
from hansa.plugins.configuration import read_config
from hansa.plugins.discovery import Plugins, load_plugins
from hansa.plugins.installed import EARLY
from hansa.plugins.registry import Registry

from tests.core.stores import Stores

CONTRACT = """
    from typing import Annotated

    class Terms(Model):
        partner: Annotated[str, setting("Other side")]
        extends: Annotated[list[str], setting("Earlier ones", refers="contract")] = []

    class Contract(Definition[Terms]):
        "Contracts with partners."
        kind = type = "contract"

    @hookimpl
    def hansa_kinds():
        return [Contract]
"""


class Node(Model):
    over: Annotated[list[str], setting("Those below", refers="node")] = []
    beside: Annotated[str, setting("One of a type", refers="node leaf")] = ""


class NodeDefinition(Definition[Node]):
    kind = type = "node"
    acyclic = True


class LeafDefinition(Definition[Node]):
    kind = "node"
    type = "leaf"
    acyclic = True


@pytest.fixture
def make(
    make_plugin: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., None]]:
    before = set(sys.modules)

    def made(name: str, full: str | None = None, early: str | None = None) -> None:
        monkeypatch.syspath_prepend(make_plugin(name, full, early))

    yield made
    for name in set(sys.modules) - before:
        if "_code" in name:
            del sys.modules[name]


@pytest.fixture
def nodes(store: Stores) -> Definitions:
    registry = Registry()
    registry.add_types("p", [NodeDefinition, LeafDefinition])

    def announce(revision: int, *, wait: bool = True) -> Applied:
        return Applied(revision, [], [])

    return Definitions(store.definitions, registry, Keys("A" * 43 + "="), announce, lambda *_: None)


@pytest.mark.parametrize("early", [True, False])
def test_a_kind_of_a_plugin_is_registered_and_read_from_config_toml(
    make: Callable[..., None], tmp_path: Path, early: bool
):
    make("contracts", *((None, CONTRACT) if early else (CONTRACT,)))
    file = tmp_path / "config.toml"
    file.write_text(
        '[plugins]\nenabled = ["contracts"]\n[contract.contract.first]\npartner = "acme"\n'
    )
    config = read_config(file)
    plugins = load_plugins(config, [])
    (registered,) = plugins.registry.types("contract")
    assert registered.path == ("contract",)
    assert config.definitions == [("contract", "contract", "first", {"partner": "acme"})]
    file.write_text(
        '[plugins]\nenabled = ["contracts"]\n[contract.contract.first]\npartne = "acme"\n'
    )
    with pytest.raises(Invalid) as caught:
        load_plugins(read_config(file), [])
    faults = [key.rpartition(": ")[2] for key in caught.value.errors]
    assert sorted(faults) == ["contract.contract.first.partne", "contract.contract.first.partner"]


def test_commands_learn_of_the_kinds_of_early_modules(make: Callable[..., None]):
    make("contracts", "1 / 0", CONTRACT)
    make(
        "commands",
        None,
        "@hookimpl\ndef hansa_commands(commands, types):\n    commands.seen = types",
    )
    plugins = Plugins(Registry(), (EARLY,))
    plugins.load(enabled=["contracts", "commands"])
    group: Any = click.Group()
    assert plugins.add_commands(group) == []
    seen: list[RegisteredType] = group.seen
    assert [one.path for one in seen] == [("contract",)]


@pytest.mark.parametrize("kind", ["security", "channel", "service", "plugin", "format"])
def test_a_kind_of_core_is_refused(make: Callable[..., None], kind: str):
    make("contracts", CONTRACT.replace('"contract"\n', f'"{kind}"\n'))
    plugins = Plugins(Registry(), needed=None)
    plugins.load(enabled=["contracts"])
    (why,) = plugins.faults().values()
    assert f"names the kind {kind}, which is core's own" in why


class TestCircles:
    def faults(self, nodes: Definitions, *edits: Edit) -> dict[str, str]:
        with pytest.raises(Invalid) as caught:
            nodes.change(edits)
        return caught.value.errors

    def node(self, name: str, *over: str, **settings: Any) -> Edit:
        return Edit(("node", "node", name), {"over": list(over), **settings})

    def test_of_one(self, nodes: Definitions):
        assert self.faults(nodes, self.node("a", "a")) == {
            "node.node.a.over": "leads back to itself: a -> a"
        }

    def test_of_what_is_stored_and_what_is_new(self, nodes: Definitions):
        nodes.change([self.node("a"), self.node("b", "a"), self.node("c", "b", "a")])
        assert self.faults(nodes, self.node("a", "c")) == {
            "node.node.a.over": "leads back to itself: a -> c -> b -> a"
        }
        nodes.change([self.node("c"), self.node("a", "c")])
        assert nodes.get("node", "node", "a").data == {"over": ["c"]}

    def test_within_one_change(self, nodes: Definitions):
        faults = self.faults(nodes, self.node("a", "b"), self.node("b", "c"), self.node("c", "a"))
        assert set(faults) == {"node.node.a.over", "node.node.b.over", "node.node.c.over"}
        assert faults["node.node.b.over"] == "leads back to itself: b -> c -> a -> b"

    def test_one_that_is_deleted_in_the_same_change_is_none(self, nodes: Definitions):
        nodes.change([self.node("a"), self.node("b", "a")])
        nodes.change([self.node("a", "c"), Edit(("node", "node", "b")), self.node("c")])

    def test_names_of_another_type_are_others(self, nodes: Definitions):
        leaf = Edit(("node", "leaf", "a"), {})
        nodes.change([leaf, self.node("a", beside="a")])
        assert self.faults(nodes, Edit(("node", "leaf", "a"), {"beside": "a"})) == {
            "node.leaf.a.beside": "leads back to itself: a -> a"
        }
