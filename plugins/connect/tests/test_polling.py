"""Channels that poll: when they look, how they stop, and what they do when their source is gone."""

from __future__ import annotations

import itertools
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest
from hansa import Request, Response, Unavailable, load
from hansa_connect.polling import PollingChannel, PollingSettings
from hansa_devkit.harness.waiting import wait_until


class Settings(PollingSettings):
    """The settings of the channel under test."""


class Source:
    """What is in the list, and what became of it."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self.looks: list[float] = []
        self.told: list[tuple[Any, BaseException]] = []
        self.opened = 0
        self.closed = 0
        self.down = False
        self.released = threading.Event()


class Listed(PollingChannel):
    """Delivers what is in a list; what is an exception is raised."""

    type, Config = "listed", Settings
    source: Source
    got: list[bytes]

    def connect(self) -> None:
        if self.source.down:
            raise Unavailable("the source is not there")
        self.source.opened += 1

    def poll(self) -> bool:
        self.source.looks.append(time.monotonic())
        if not self.source.items:
            return False
        item = self.source.items.pop(0)
        if isinstance(item, Exception):
            raise item
        self.deliver(Request(item))
        return True

    def disconnect(self) -> None:
        self.source.closed += 1
        self.source.released.set()


@pytest.fixture
def channel():
    source = Source()
    objects = SimpleNamespace(lost=lambda broken, error: source.told.append((broken, error)))
    server = SimpleNamespace(objects=objects)
    made = Listed("test", load(Settings, {"interval": 0.05}), server)
    made.source = source
    made.got = []

    def dispatch(request: Request) -> Response:
        made.got.append(request.raw)
        return Response()

    made.dispatch = dispatch
    yield made
    made.stop()


def test_it_looks_again_at_once_while_there_is_more_then_after_the_interval(channel):
    channel.source.items = [b"1", b"2", b"3"]
    channel.start()
    wait_until(lambda: len(channel.source.looks) >= 6)
    assert channel.got == [b"1", b"2", b"3"]
    pauses = [later - earlier for earlier, later in itertools.pairwise(channel.source.looks)]
    assert min(pauses[:3]) < 0.05 <= min(pauses[3:])


def test_nothing_is_delivered_after_stop_and_all_is_closed(channel):
    channel.start()
    wait_until(lambda: channel.source.looks)
    channel.stop()
    channel.source.items = [b"late"]
    looks = len(channel.source.looks)
    assert channel.source.closed
    time.sleep(0.15)
    assert len(channel.source.looks) == looks and channel.got == []
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("listed")]


def test_stop_waits_for_the_message_in_hand(channel):
    entered, release, done = threading.Event(), threading.Event(), []

    def slow(request):
        entered.set()
        release.wait(10)
        done.append(request.raw)
        return Response()

    channel.dispatch = slow
    channel.source.items = [b"slow", b"next"]
    channel.start()
    assert entered.wait(5)
    stopping = threading.Thread(target=channel.stop)
    stopping.start()
    stopping.join(1.3)
    assert stopping.is_alive() and channel.source.closed == 0
    release.set()
    stopping.join(5)
    assert not stopping.is_alive() and done == [b"slow"] and channel.source.closed


def test_stop_does_not_wait_for_a_source_that_does_not_answer(channel):
    asked = threading.Event()

    def hanging():
        asked.set()
        channel.source.released.wait(30)
        raise OSError("closed")

    channel.poll = hanging
    channel.start()
    assert asked.wait(5)
    began = time.monotonic()
    channel.stop()
    assert time.monotonic() - began < 3
    assert channel.source.told == []  # it was us who closed it


def test_a_source_that_is_gone_is_told_to_core_once(channel):
    channel.source.items = [b"1", OSError("gone"), b"2"]
    channel.start()
    wait_until(lambda: channel.source.told)
    [(broken, error)] = channel.source.told
    assert broken is channel and str(error) == "gone" and channel.got == [b"1"]


def test_a_source_that_is_not_there_fails_the_start(channel):
    channel.source.down = True
    with pytest.raises(Unavailable, match="not there"):
        channel.start()


def test_a_swapped_dispatch_is_obeyed(channel):
    channel.start()
    second: list[bytes] = []

    def dispatch(request: Request) -> Response:
        second.append(request.raw)
        return Response()

    channel.dispatch = dispatch
    channel.source.items = [b"1"]
    wait_until(lambda: second == [b"1"])
    assert channel.got == []
