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


class Listed(PollingChannel):
    """Delivers what is in a list; what is an exception is raised."""

    type, Config = "listed", Settings

    def connect(self) -> None:
        if self.server.down:
            raise Unavailable("the source is not there")
        self.server.opened += 1

    def poll(self) -> bool:
        self.server.looks.append(time.monotonic())
        if not self.server.items:
            return False
        item = self.server.items.pop(0)
        if isinstance(item, Exception):
            raise item
        self.deliver(Request(item))
        return True

    def disconnect(self) -> None:
        self.server.closed += 1
        self.server.released.set()


@pytest.fixture
def channel():
    lost: list[tuple[Any, BaseException]] = []
    server = SimpleNamespace(
        items=[], looks=[], opened=0, closed=0, down=False, told=lost, released=threading.Event()
    )
    server.objects = SimpleNamespace(lost=lambda broken, error: lost.append((broken, error)))
    made = Listed("test", load(Settings, {"interval": 0.05}), server)
    made.got = []
    made.dispatch = lambda request: made.got.append(request.raw) or Response()
    yield made
    made.stop()


def test_it_looks_again_at_once_while_there_is_more_then_after_the_interval(channel):
    channel.server.items = [b"1", b"2", b"3"]
    channel.start()
    wait_until(lambda: len(channel.server.looks) >= 6)
    assert channel.got == [b"1", b"2", b"3"]
    pauses = [later - earlier for earlier, later in itertools.pairwise(channel.server.looks)]
    assert min(pauses[:3]) < 0.05 <= min(pauses[3:])


def test_nothing_is_delivered_after_stop_and_all_is_closed(channel):
    channel.start()
    wait_until(lambda: channel.server.looks)
    channel.stop()
    channel.server.items = [b"late"]
    looks = len(channel.server.looks)
    assert channel.server.closed
    time.sleep(0.15)
    assert len(channel.server.looks) == looks and channel.got == []
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("listed")]


def test_stop_waits_for_the_message_in_hand(channel):
    entered, release, done = threading.Event(), threading.Event(), []

    def slow(request):
        entered.set()
        release.wait(10)
        done.append(request.raw)
        return Response()

    channel.dispatch = slow
    channel.server.items = [b"slow", b"next"]
    channel.start()
    assert entered.wait(5)
    stopping = threading.Thread(target=channel.stop)
    stopping.start()
    stopping.join(1.3)
    assert stopping.is_alive() and channel.server.closed == 0
    release.set()
    stopping.join(5)
    assert not stopping.is_alive() and done == [b"slow"] and channel.server.closed


def test_stop_does_not_wait_for_a_source_that_does_not_answer(channel):
    asked = threading.Event()

    def hanging():
        asked.set()
        channel.server.released.wait(30)
        raise OSError("closed")

    channel.poll = hanging
    channel.start()
    assert asked.wait(5)
    began = time.monotonic()
    channel.stop()
    assert time.monotonic() - began < 3
    assert channel.server.told == []  # it was us who closed it


def test_a_source_that_is_gone_is_told_to_core_once(channel):
    channel.server.items = [b"1", OSError("gone"), b"2"]
    channel.start()
    wait_until(lambda: channel.server.told)
    [(broken, error)] = channel.server.told
    assert broken is channel and str(error) == "gone" and channel.got == [b"1"]


def test_a_source_that_is_not_there_fails_the_start(channel):
    channel.server.down = True
    with pytest.raises(Unavailable, match="not there"):
        channel.start()


def test_a_swapped_dispatch_is_obeyed(channel):
    channel.start()
    second: list[bytes] = []
    channel.dispatch = lambda request: second.append(request.raw) or Response()
    channel.server.items = [b"1"]
    wait_until(lambda: second == [b"1"])
    assert channel.got == []
