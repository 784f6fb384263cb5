"""The table: most specific path first, methods, replacement while others read."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hansa_devkit import LocalServer
from hansa_http.channel import HttpChannel, HttpSettings
from hansa_http.pattern import Pattern
from hansa_http.table import Table
from hypothesis import given, strategies as st


def channel(path, method="", name="", **settings):
    config = HttpSettings(url_path=path, method=method, **settings)
    return HttpChannel(name or path, config, LocalServer())


def own(path, method="", **settings):
    made = channel(path, method, **settings)
    made.builtin = True
    return made


def asked(method="GET"):
    return {"REQUEST_METHOD": method}


paths = st.lists(st.sampled_from(["a", "b", "c", "{x}", "a{x}"]), min_size=1, max_size=3).map(
    lambda parts: "/" + "/".join(part.replace("x", f"x{index}") for index, part in enumerate(parts))
)
real = st.lists(st.sampled_from(["a", "b", "c", "ab", "d"]), min_size=1, max_size=3).map(
    lambda parts: "/" + "/".join(parts)
)


@given(st.lists(st.tuples(paths, st.booleans()), unique=True, max_size=12), st.data(), real)
def test_the_index_agrees_with_trying_every_pattern_in_order(templates, data, path):
    table, channels = Table(), [channel(t, match_slash=slash) for t, slash in templates]
    for one in channels:
        table.add(one)
    gone = data.draw(st.sets(st.sampled_from(channels)) if channels else st.just(set()))
    for one in gone:
        table.remove(one)
    left = sorted(
        (c for c in channels if c not in gone), key=lambda c: (c.pattern.match_slash, c.pattern)
    )
    expected = next((c for c in left if c.pattern.match(path) is not None), None)
    found, variables, refused = table.find(path, asked())
    if expected is None:
        assert found is None
    elif expected.pattern.literal:
        assert found is not None
        assert found.pattern.text == expected.pattern.text
    else:
        assert found is not None
        assert found.pattern.match_slash == expected.pattern.match_slash
        assert (
            found.pattern.canonical == expected.pattern.canonical
            or not found.pattern < expected.pattern
        )
        assert variables == found.pattern.match(path)
    assert refused == []


def test_the_first_that_accepts_the_method_takes_it():
    table = Table()
    read, write, anything, template = (
        channel("/a", "GET"),
        channel("/a", "POST, PUT"),
        channel("/a"),
        channel("/{x}", "DELETE"),
    )
    for one in (anything, read, write, template):
        table.add(one)
    assert table.find("/a", asked("GET"))[0] is read
    assert table.find("/a", asked("HEAD"))[0] is read
    assert table.find("/a", asked("PUT"))[0] is write
    assert table.find("/a", asked("PATCH"))[:1] == (anything,)
    table.remove(anything)
    assert table.find("/a", asked("DELETE")) == (template, {"x": "a"}, [])
    found, _, refused = table.find("/a", asked("PATCH"))
    assert found is None
    assert set(refused) == {read, write, template}
    assert table.find("/a/b", asked()) == (None, {}, [])


def test_the_one_added_last_wins_until_the_other_is_gone():
    table = Table()
    old, new = channel("/a", name="x"), channel("/a", name="x")
    table.add(old)
    table.add(new)
    assert table.find("/a", asked())[:1] == (new,)
    table.remove(old)
    table.remove(old)
    assert table.find("/a", asked())[:1] == (new,)
    table.remove(new)
    assert table.find("/a", asked())[0] is None
    assert table.channels() == []


def test_a_channel_is_always_found_while_it_is_replaced():
    table, stop, missed = Table(), threading.Event(), []
    current = [channel("/a"), channel("/t/{x}")]
    for one in current:
        table.add(one)

    def look():
        while not stop.is_set():
            for path in ("/a", "/t/1"):
                if table.find(path, asked())[0] is None:
                    missed.append(path)

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(500):
        for index, old in enumerate(current):
            current[index] = channel(old.config.url_path)
            table.add(current[index])
            table.remove(old)
    stop.set()
    for thread in threads:
        thread.join()
    assert missed == []


def test_a_channel_that_moves_between_kinds_of_paths_is_always_found():
    table, stop, missed = Table(), threading.Event(), []
    table.add(channel("/t/a"))
    current = channel("/t/{x}")
    table.add(current)
    first = table.find("/t/a", asked())[0]
    assert first is not None
    table.remove(first)

    def look() -> None:
        while not stop.is_set():
            if table.find("/t/a", asked())[0] is None:
                missed.append("/t/a")

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(3000):
        new = channel(("/t/a", "/t/{x}", "/{x}/a", "/{x}")[number % 4], match_slash=number % 4 == 3)
        table.add(new)
        table.remove(current)
        current = new
    stop.set()
    for thread in threads:
        thread.join()
    assert missed == []


def test_a_thousand_channels_cost_as_much_to_search_as_one(monkeypatch):
    table, asking, match = Table(), [], Pattern.match
    for number in range(1000):
        table.add(channel(f"/literal/{number}"))
        table.add(channel(f"/api/v1/template{number}/{{x}}"))
        table.add(channel(f"/api/v1/deep{number}/{{x}}", match_slash=True))

    def counted(self: Pattern, path: str) -> Any:
        asking.append(self)
        return match(self, path)

    monkeypatch.setattr(Pattern, "match", counted)
    found = table.find("/literal/777", asked())[0]
    assert found is not None
    assert found.config.url_path == "/literal/777"
    assert table.find("/api/v1/template777/y", asked())[1] == {"x": "y"}
    assert table.find("/api/v1/deep777/y/z", asked())[1] == {"x": "y/z"}
    assert table.find("/" * 100_000, asked())[0] is None
    assert len(asking) == 2


def test_many_channels_are_added_and_removed_with_few_comparisons(monkeypatch):
    comparisons, less = [], Pattern.__lt__

    def counted(self: Pattern, other: Pattern) -> bool:
        comparisons.append(1)
        return less(self, other)

    monkeypatch.setattr(Pattern, "__lt__", counted)
    table, many = Table(), [channel(f"/{{x}}/{number}") for number in range(2000)]
    for one in many:
        table.add(one)
    assert table.find("/y/1999", asked())[0] is many[-1]
    for one in many:
        table.remove(one)
    assert len(comparisons) < 2000 * 2 * 12
    assert table.channels() == []


@pytest.mark.parametrize("text", ["/a", "/a/{x}"])
def test_patterns_are_hashed_by_what_they_match(text):
    assert hash(Pattern(text)) == hash(Pattern(text))
    assert Pattern(text) == Pattern(text)
    assert Pattern(text) != text


def test_addresses_of_hansa_and_of_plugins_reach_nobody_else():
    table = Table()
    api, ping, gateway = (
        own("/hansa/api/{service}", "POST"),
        own("/zato/ping"),
        own("/zato/json/{x}"),
    )
    everything = channel("/{all}", match_slash=True)
    three, two = channel("/{a}/{b}/{c}"), channel("/{a}/{b}")
    for one in (everything, three, two, api, ping, gateway):
        table.add(one)
    assert table.find("/hansa/api/x", asked("POST"))[:2] == (api, {"service": "x"})
    assert table.find("/hansa/api/x", asked("GET")) == (None, {}, [api])
    assert table.find("/zato/ping", asked())[0] is ping
    found = table.find("/zato/json/x", asked())[0]
    assert found is not None
    assert found is gateway
    for path in ("/hansa", "/hansa/", "/hansa/x", "/hansa/api/x/y", "/hansa/x/y/z"):
        assert table.find(path, asked()) == (None, {}, []), path
    assert table.find("/zato/other", asked())[0] is two
    assert table.find("/zato/json/x/y", asked())[0] is everything
    assert table.find("/hansapi/x/y", asked())[0] is three
    table.remove(found)
    assert table.find("/zato/json/x", asked())[0] is three
    assert set(table.channels()) == {everything, three, two, api, ping}


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("/hansa", "one of Hansa's own"),
        ("/hansa/api/admin.service.invoke", "one of Hansa's own"),
        ("/%68ansa/{x}", "one of Hansa's own"),
        ("/hansa%2Fping", "one of Hansa's own"),
        ("/%2f/%68ansa//ping", "one of Hansa's own"),
        ("/zato%2Fjson//mine", "belongs to a plugin: /zato/json/{service}"),
        ("/zato/json/mine", "belongs to a plugin: /zato/json/{service}"),
        ("/zato/json/{any}", "belongs to a plugin: /zato/json/{service}"),
        ("/zato/{a}/mine", ""),
        ("/{a}/{b}", ""),
        ("/hansapi", ""),
        ("/HANSA/ping", ""),
        ("/orders%2F1//lines", ""),
    ],
)
def test_what_may_not_be_asked_for(path, fault):
    theirs: Any = HttpSettings(url_path="/zato/json/{service}", method="POST")
    found = HttpChannel.reserved(HttpSettings(url_path=path), [theirs])
    assert fault in found
    assert bool(found) == bool(fault)
