"""Marks survive, on disk and in Redis; channels that read on from one deliver all, in order, and
count attempts across crashes.
"""

from __future__ import annotations

import itertools
import os
import re
import threading
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from hansa import Request, Unavailable, load
from hansa_connect.marked import MarkedChannel, MarkSettings
from hansa_connect.marks import Marks, Position
from hansa_connect.records import RecordsChannel, RecordSettings
from hansa_devkit import Inbox, LocalServer
from hansa_devkit.harness.waiting import wait_until
from hypothesis import given, settings, strategies as st

MARKS = [
    0,
    -5,
    2**70,
    "a",
    "",
    b"\x00\xff",
    1.5,
    None,
    True,
    Decimal("1.10"),
    UUID(int=7),
    date(2026, 1, 2),
    time(3, 4),
]
MARKS += [
    datetime(2026, 1, 2, 3, 4, 5, 6, UTC),
    datetime(2026, 1, 2),
    timedelta(days=1, microseconds=3),
    (datetime(2026, 1, 2), 7),
]


@pytest.fixture(params=["file", "redis"])
def server(request, tmp_path):
    """A server that keeps its records in files, and one whose cluster has a Redis."""
    if request.param == "file":
        return with_files(tmp_path)
    from hansa_devkit.servers_redis import Valkey
    from hansa_redis.bus import RedisBus

    bus = RedisBus(request.getfixturevalue("real_server")(Valkey).address, "test")
    bus.redis.flushall()
    return LocalServer(directory=tmp_path, bus=bus)


def with_files(folder):
    """A server whose records are the files of the product."""
    return Source(directory=folder)


@pytest.mark.parametrize("value", MARKS, ids=repr)
def test_what_was_written_is_read_as_it_was(server, value):
    Marks(server, "channel test x").write(Position(value, value, 3))
    kept = Marks(server, "channel test x").read()
    assert kept == Position(value, value, 3)
    assert type(kept.mark) is type(value)


def test_owners_do_not_share_marks(server):
    names = ["a", "b", "a/b", "a-b", "../a", "x" * 500, "x" * 501]
    for number, name in enumerate(names):
        Marks(server, name).write(Position(number))
    positions = [Marks(server, name).read() for name in names]
    assert positions == [Position(number) for number in range(len(names))]
    assert Marks(server, "nobody").read() is None


def test_what_cannot_be_a_mark_is_refused(server):
    with pytest.raises(TypeError, match="list cannot be a mark"):
        Marks(server, "x").write(Position([1]))


def test_a_file_is_private_and_synced(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(
        os, "fsync", lambda number: synced.append(os.readlink(f"/proc/self/fd/{number}"))
    )
    Marks(with_files(tmp_path), "channel x/y").write(Position(1))
    [file] = (tmp_path / "marks").iterdir()
    assert re.fullmatch(r"channel-x-y-[0-9a-f]{16}\.json", file.name)
    assert file.stat().st_mode & 0o777 == 0o600
    written, folder = synced
    assert written.startswith(f"{file.parent}/.{file.name}") and folder == f"{file.parent}"


def test_a_write_that_fails_leaves_the_old_mark(tmp_path, monkeypatch):
    marks = Marks(with_files(tmp_path), "x")
    marks.write(Position(1))
    monkeypatch.setattr(
        os, "replace", lambda *paths: (_ for _ in ()).throw(OSError("the disk is full"))
    )
    with pytest.raises(OSError, match="full"):
        marks.write(Position(2))
    assert marks.read() == Position(1)


class Crash(BaseException):
    """Ends the process."""


class Source(LocalServer):
    """A server with what channels read, and what they have said of it."""

    numbers: list[int]
    settled: list[tuple[int, bool]]
    documents: list[dict[str, Any]]
    told: list[tuple[list[Any], bool]]


class Running(threading.Event):
    """Is never set, and waits for nothing."""

    def wait(self, timeout: float | None = None) -> bool:
        return False


class Numbers(MarkedChannel):
    """Delivers numbers from a list."""

    type, Config, first_mark = "numbers", MarkSettings, 0
    server: Source

    def messages_after(self, mark):
        return [(n, Request(b"%d" % n)) for n in self.server.numbers if n > mark][:3]

    def settle(self, request, response):
        self.server.settled.append((int(request.raw), response.ok))


def numbers(tmp_path, count, **changes):
    """A channel over so many numbers, connected and without its thread."""
    server = with_files(tmp_path)
    server.numbers, server.settled = list(range(1, count + 1)), []
    return restarted(server, **changes)


def restarted(server, **changes):
    """As after the end of the process."""
    channel = Numbers(
        "n", load(MarkSettings, {"interval": 0.0001, "max_attempts": 3, **changes}), server
    )
    channel._stopping = Running()
    channel.connect()
    return channel


def drain(channel, answers, limit=200):
    """Poll until there is nothing more, each delivery answered by the next outcome, `crash` ending
    the process.
    """
    delivered = []

    def dispatch(request):
        delivered.append((int(request.raw), request.attempt))
        if (outcome := next(answers, "done")) == "crash":
            raise Crash
        return Inbox(outcome)(request)

    channel.dispatch = dispatch
    for _ in range(limit):
        try:
            if not channel.poll():
                return channel, delivered
        except (Crash, Unavailable):
            channel = restarted(channel.server, give_up=channel.config.give_up)
            channel.dispatch = dispatch
    raise AssertionError("it does not come to an end")


@settings(deadline=None)
@given(
    answers=st.lists(st.sampled_from(["done", "retry", "reject", "crash"]), max_size=25),
    count=st.integers(min_value=1, max_value=7),
)
def test_each_is_settled_in_order_once_and_no_attempt_is_forgotten(
    tmp_path_factory, answers, count
):
    channel, delivered = drain(numbers(tmp_path_factory.mktemp("marks"), count), iter(answers))
    settled = channel.server.settled
    assert [n for n, _ in settled] == list(range(1, count + 1))
    for n, tries in itertools.groupby(delivered, lambda one: one[0]):
        attempts = [attempt for _, attempt in tries]
        assert attempts == list(range(1, len(attempts) + 1)) and len(attempts) <= 3, n
    outcomes = itertools.chain(answers, itertools.repeat("done"))
    last = {n: outcome for (n, _), outcome in zip(delivered, outcomes, strict=False)}
    assert settled == [(n, last[n] == "done") for n in range(1, count + 1)]
    assert channel.position == Position(count)


def test_a_channel_that_holds_stays_at_a_message_until_it_is_handled(tmp_path):
    answers = ["done", *["retry"] * 10, "done"]
    channel, delivered = drain(numbers(tmp_path, 3, give_up="hold"), iter(answers))
    assert [n for n, _ in delivered] == [1, *[2] * 11, 3]
    assert max(attempt for _, attempt in delivered) == 3
    assert channel.server.settled == [(1, True), (2, True), (3, True)]


def test_a_channel_that_holds_says_why(tmp_path):
    channel = numbers(tmp_path, 1, give_up="hold")
    channel.dispatch = Inbox("reject")
    with pytest.raises(
        Unavailable, match=r"held: message 1 was given up after 1 attempts \(cid K.*rejects"
    ):
        channel.poll()


def test_stopping_between_two_messages_counts_no_attempt(tmp_path):
    channel = numbers(tmp_path, 3)
    channel._stopping = SimpleNamespace(
        is_set=lambda: bool(channel.server.settled), wait=lambda seconds: True
    )
    channel.dispatch = Inbox()
    assert channel.poll() is False
    assert channel.position == Position(1, 2, 0)
    _, delivered = drain(restarted(channel.server), iter([]))
    assert delivered == [(2, 1), (3, 1)]


class Documents(RecordsChannel):
    """Delivers dictionaries from a list."""

    type, Config = "documents", RecordSettings
    server: Source

    def fetch(self, mark):
        found = [document for document in self.server.documents if document.get("id", 1) > mark]
        return found[: self.config.max_records]

    def report(self, records, handled):
        self.server.told.append(([record["id"] for record in records], handled))


@pytest.fixture
def documents(tmp_path):
    """Start a channel over documents with these ids."""
    channels = []

    def start(*ids, **changes):
        server = Source(directory=tmp_path)
        server.documents, server.told = [{"id": n} if isinstance(n, int) else n for n in ids], []
        channels.append(Documents("d", load(RecordSettings, {"interval": 0.01, **changes}), server))
        channels[-1].dispatch = Inbox()
        channels[-1].start()
        return channels[-1]

    yield start
    for channel in channels:
        channel.stop()


def test_a_record_is_a_message(documents):
    channel = documents(1, 2)
    requests = channel.dispatch.wait(2, 5)
    assert [(request.payload, request.headers) for request in requests] == [
        ({"id": 1}, {"mark": "1"}),
        ({"id": 2}, {"mark": "2"}),
    ]
    wait_until(lambda: channel.server.told == [([1], True), ([2], True)])


def test_a_batch_is_a_message(documents):
    channel = documents(1, 2, 3, batch=True, max_records=2)
    assert [request.payload for request in channel.dispatch.wait(2, 5)] == [
        [{"id": 1}, {"id": 2}],
        [{"id": 3}],
    ]
    wait_until(lambda: channel.server.told == [([1, 2], True), ([3], True)])


@pytest.mark.parametrize("ids", [(2, 1), (1, 1), (1, 3, 2)])
def test_records_out_of_the_order_of_the_mark_are_told_not_lost(documents, ids):
    channel = documents(*ids)
    wait_until(lambda: channel.server.losses)
    assert "not unique and growing" in str(channel.server.losses[channel])
    assert not channel.dispatch.requests


def test_a_missing_mark_is_told(documents):
    channel = documents({"number": 1})
    wait_until(lambda: channel.server.losses)
    assert "there is no 'id', but number" in str(channel.server.losses[channel])
