"""The registry: types and services by name, clashes refused with both names, and swaps that readers
see whole.
"""

from __future__ import annotations

import threading
from typing import Annotated, Any

import pytest
from hansa import (
    Channel,
    Format,
    Invalid,
    Model,
    NotFound,
    Outgoing,
    Service,
    fields,
    load,
    setting,
)
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
    model: Any = registry.type("outgoing", "odd-one").model
    assert model(active=False)
    assert [(one.kind, one.type) for one in registry.types()] == [
        ("channel", "odd-one"),
        ("outgoing", "odd-one"),
    ]
    assert [one.type for one in registry.types("outgoing")] == ["odd-one"]
    assert [(one.type, one.plugin) for one in registry.formats()] == [("odd", "odd")]
    assert registry.format("odd").plugin == "odd"


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
    """What a channel may take."""

    most: Annotated[int, setting("At most", ge=1)] = 5
    place: Annotated[int, setting("Named as a setting of the type")] = 0


def test_channels_get_sections_of_settings_besides_those_of_their_type(registry: Registry):
    registry.extend_channels({"limits": Limits})
    model = registry.type("channel", "odd-one").model
    given = {"place": "here", "service": "x", "limits": {"most": 3, "place": 7}}
    found: Any = load(model, given)
    assert found.limits == Limits(most=3, place=7)
    assert (found.place, found.active) == ("here", False)
    with pytest.raises(Invalid) as refused:
        load(model, {"place": "here", "service": "x", "limits": {"most": 0, "least": 1}})
    assert set(refused.value.errors) == {"limits.most", "limits.least"}
    assert not hasattr(load(registry.type("outgoing", "odd-one").model, {}), "limits")
    (section,) = [field for field in fields(model) if field.name == "limits"]
    assert section.help == "What a channel may take."
    assert section.default == Limits()


@pytest.mark.parametrize(("beside", "has_it"), [("", True), ("place", True), ("elsewhere", False)])
def test_a_section_may_be_that_of_channels_with_a_setting(
    registry: Registry, beside: str, has_it: bool
):
    section = type("Section", (Limits,), {"__beside__": beside, "__doc__": "A part."})
    registry.extend_channels({"limits": section})
    model = registry.type("channel", "odd-one").model
    assert ("limits" in {field.name for field in fields(model)}) is has_it


def test_settings_that_stood_beside_the_others_are_read_as_of_their_section(registry: Registry):
    registry.extend_channels({"limits": Limits})
    model = registry.type("channel", "odd-one").model
    assert model.upgrade({"most": 3}) == {"limits": {"most": 3}}
    # what the type declares itself is its own, and what stands in the section already counts
    assert model.upgrade({"place": "here"}) == {"place": "here"}
    both = {"most": 3, "limits": {"most": 4, "place": 1}}
    assert model.upgrade(both) == {"limits": {"most": 4, "place": 1}}
    assert both == {"most": 3, "limits": {"most": 4, "place": 1}}


def test_services_of_a_file_are_swapped_at_once():
    registry = Registry()
    one = [RegisteredService(name, service(name), "x.py", 1) for name in "ab"]
    two = [RegisteredService(name, service(name), "x.py", 2) for name in "bc"]
    assert registry.replace_services("x.py", one) == {"a", "b"}
    assert registry.replace_services("x.py", two) == {"a", "b", "c"}
    assert [(d.name, d.version) for d in registry.services()] == [("b", 2), ("c", 2)]
    with pytest.raises(Clash, match=r"service c of y.py is already given by x.py"):
        registry.replace_services(
            "y.py",
            [
                RegisteredService("d", service("d"), "y.py"),
                RegisteredService("c", service("c"), "y.py"),
            ],
        )
    assert [d.name for d in registry.services()] == ["b", "c"]
    with pytest.raises(NotFound, match="did you mean c"):
        registry.service("cc")


def test_readers_see_all_services_of_one_version():
    registry = Registry()
    stop, seen = threading.Event(), set()
    versions = [
        [RegisteredService(name, service(name), "x.py", number) for name in "abcdef"]
        for number in range(40)
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


def test_attributes_of_services_come_from_one_plugin_each_and_go_with_it():
    registry = Registry()
    registry.add_attributes("dictionary", {"translate": str.upper})
    assert registry.attribute("translate") is str.upper
    with pytest.raises(Clash, match="translate is given by the plugins dictionary and other"):
        registry.add_attributes("other", {"translate": str.lower})
    for own in ("invoke", "request"):
        with pytest.raises(Clash, match=f"every service has an attribute '{own}' already"):
            registry.add_attributes("other", {own: str.lower})
    with pytest.raises(Clash, match="not to begin with _: '_translate'"):
        registry.add_attributes("other", {"_translate": str.lower})
    registry.remove_types("dictionary")
    with pytest.raises(NotFound, match="no plugin gives services an attribute 'translate'"):
        registry.attribute("translate")
