"""What is remembered of files that were taken."""

from __future__ import annotations

from hansa_connect.memory import SHARDS, Memory, Taken
from hansa_devkit import LocalServer

TAKEN = Taken(5, 60.0, 5, 61.0, 1, True)


def test_what_was_taken_outlives_the_process():
    server = LocalServer()
    memory = Memory(server, "channel ftp a", 1000)
    names = [f" file {number}\u2028" for number in range(3 * SHARDS)]
    for name in names:
        memory.put(name, TAKEN)
    again = Memory(server, "channel ftp a", 1000)
    assert [again.get(name) for name in names] == [TAKEN] * len(names)
    assert Memory(server, "channel ftp b", 1000).get(names[0]) is None
    server.close()


def test_only_what_is_gone_is_forgotten_and_only_for_room():
    server = LocalServer()
    memory = Memory(server, "channel ftp a", 2)
    memory.put("a", TAKEN)
    memory.put("b", TAKEN)
    assert memory.has_room("a", ["a", "b", "c"])
    assert not memory.has_room("c", ["a", "b", "c"])
    assert memory.get("a") and memory.get("b")
    assert memory.has_room("c", ["b", "c"])
    again = Memory(server, "channel ftp a", 2)
    assert again.get("a") is None and again.get("b") == TAKEN
    server.close()
