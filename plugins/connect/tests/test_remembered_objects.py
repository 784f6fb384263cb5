"""Objects that were handled are remembered across restarts, and no more of them than may be."""

from __future__ import annotations

from hansa_connect.objects import StoredObject
from hansa_connect.remembered_objects import RememberedObjects
from hansa_devkit import LocalServer


def stored(name, etag="1", modified=1.0):
    return StoredObject("container", name, 1, modified, etag)


def one_pass(remembered, *found):
    remembered.begin_pass()
    for each in found:
        remembered.seen(each)
    remembered.end_pass()


def test_a_content_is_remembered_and_another_of_the_name_is_not():
    server = LocalServer()
    RememberedObjects(server, "owner", 10).put(stored("a"))
    again = RememberedObjects(server, "owner", 10)
    assert again.has(stored("a"))
    assert not again.has(stored("b"))
    assert not again.has(stored("a", etag="2")) and not again.has(stored("a", modified=2.0))
    assert not RememberedObjects(server, "another", 10).has(stored("a"))


def test_what_is_gone_makes_room_once_all_was_listed():
    remembered = RememberedObjects(LocalServer(), "owner", 2)
    remembered.put(stored("a"))
    remembered.put(stored("b"))
    assert remembered.has_room(stored("a")) and not remembered.has_room(stored("c"))
    one_pass(remembered, stored("b"), stored("c"))
    assert remembered.has_room(stored("c"))
    assert not remembered.has(stored("a")) and remembered.has(stored("b"))
    remembered.put(stored("c"))
    assert not remembered.has_room(stored("d"))


def test_a_listing_that_is_longer_than_the_memory_forgets_nothing():
    remembered = RememberedObjects(LocalServer(), "owner", 2)
    remembered.put(stored("a"))
    remembered.put(stored("b"))
    one_pass(remembered, *(stored(name) for name in "cdefg"))
    assert remembered.has(stored("a")) and not remembered.has_room(stored("c"))
