"""The registry: types and services by name, clashes refused with both names, and swaps that readers see whole."""

from __future__ import annotations

import threading
from typing import Annotated, Any

import pytest
from hansa import Channel, Format, Invalid, Model, NotFound, Outgoing, Service, load, setting
from hansa.contract.registry import RegisteredService
from hansa.plugins.registry import Clash, Registry


class Place(Model):
    place: Annotated[str, setting("Where")]
    active: Annotated[bool, setting("Its own meaning of active")] = False


class OddChannel(Channel):
    type = "odd-one"
    Config = Place


class OddOutgoing(Outgoing):
    type = "odd-one"


class OddFormat(Format):
    type = "odd"


def service(name: str) -> type[Service]:
    return type(name, (Service,), {"name": name})


@pytest.fixture
def registry() -> Registry:
    registry = Registry()
    registry.add_types("odd", [OddChannel, OddOutgoing, OddFormat])
    return registry


def test_a_type_and_the_model_of_its_definitions(registry: Registry):
    known = registry.type("channel", "odd-one")
    assert (known.cls, known.plugin, known.model.__name__) == (OddChannel, "odd", "ChannelOddOne")
    loaded: Any = load(known.model, {"place": "here", "service": "s"})
    assert (loaded.place, loaded.service, loaded.format, loaded.security) == ("here", "s", "", None)
    assert loaded.active is False, "what the type declares goes before what its kind has in common"
    with pytest.raises(Invalid) as caught:
        load(known.model, {})
    assert set(caught.value.errors) == {"place", "service"}
    assert registry.type("outgoing", "odd-one").model(active=False)
    assert [(kind, type) for kind, type, _ in registry.types()] == [
        ("channel", "odd-one"),
        ("format", "odd"),
        ("outgoing", "odd-one"),
    ]
    assert [type for _, type, _ in registry.types("format")] == ["odd"]


def test_an_unknown_type_names_those_there_are(registry: Registry):
    with pytest.raises(NotFound, match=r"no channel of type 'ood' is installed .*odd-one"):
        registry.type("channel", "ood")
    with pytest.raises(NotFound, match="no plugin gives one"):
        registry.type("security", "basic")


def test_a_type_of_two_plugins_is_refused_and_changes_nothing(registry: Registry):
    fresh = type("Fresh", (Channel,), {"type": "fresh"})
    with pytest.raises(Clash, match="odd and other"):
        registry.add_types("other", [fresh, OddChannel])
    with pytest.raises(NotFound):
        registry.type("channel", "fresh")


@pytest.mark.parametrize("wrong", [Channel, Format, int, type("Typeless", (Outgoing,), {})])
def test_a_class_without_kind_or_type_is_refused(wrong: type):
    with pytest.raises(Clash, match="no kind or type"):
        Registry().add_types("other", [wrong])


class Limits(Model):
    most: Annotated[int, setting("At most", ge=1)] = 5
    place: Annotated[int, setting("Taken by the type itself")] = 0


def test_settings_of_every_channel_come_with_those_of_the_type(registry: Registry):
    registry.extend_channels([Limits])
    found = load(
        registry.type("channel", "odd-one").model, {"place": "here", "service": "x", "most": 3}
    )
    assert (found.most, found.place, found.active) == (3, "here", False)
    with pytest.raises(Invalid) as refused:
        load(
            registry.type("channel", "odd-one").model, {"place": "here", "service": "x", "most": 0}
        )
    assert list(refused.value.errors) == ["most"]
    assert not hasattr(load(registry.type("outgoing", "odd-one").model, {}), "most")


def test_services_of_a_file_are_swapped_at_once():
    registry = Registry()
    one = [RegisteredService(name, service(name), "x.py", 1) for name in "ab"]
    two = [RegisteredService(name, service(name), "x.py", 2) for name in "bc"]
    assert registry.replace_services("x.py", one) == {"a", "b"}
    assert registry.replace_services("x.py", two) == {"a", "b", "c"}
    assert [(d.name, d.version) for d in registry.services()] == [("b", 2), ("c", 2)]
    with pytest.raises(Clash, match=r"service c of y.py is already given by x.py"):
        registry.replace_services(
            "y.py", [RegisteredService("d", service("d"), "y.py"), RegisteredService("c", service("c"), "y.py")]
        )
    assert [d.name for d in registry.services()] == ["b", "c"]
    with pytest.raises(NotFound, match="did you mean c"):
        registry.service("cc")


def test_readers_see_all_services_of_one_version():
    registry = Registry()
    stop, seen = threading.Event(), set()
    versions = [
        [RegisteredService(name, service(name), "x.py", number) for name in "abcdef"] for number in range(40)
    ]
    registry.replace_services("x.py", versions[0])

    def read() -> None:
        while not stop.is_set():
            seen.add(tuple(d.version for d in registry.services()))

    reader = threading.Thread(target=read)
    reader.start()
    for services in versions:
        registry.replace_services("x.py", services)
    stop.set()
    reader.join()
    assert all(len(versions) == 6 and len(set(versions)) == 1 for versions in seen)
