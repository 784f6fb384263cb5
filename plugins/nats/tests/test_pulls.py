"""Requests to a consumer: never more than was asked for, and what comes late is not lost."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest
from hansa import Unavailable
from hansa_nats.pulls import Pulls


class Consumer:
    """A client of NATS, as far as it is used here, and the consumer behind it."""

    def __init__(self):
        self.asked = []
        self.is_subscribed = False

    def new_inbox(self):
        return "_INBOX.x"

    async def subscribe(self, inbox, cb):
        self.take = cb
        self.is_subscribed = True
        return self

    async def unsubscribe(self):
        self.is_subscribed = False

    async def publish(self, subject, body, reply):
        assert (subject, reply) == ("$JS.API.CONSUMER.MSG.NEXT.s.c", "_INBOX.x")
        self.asked.append(json.loads(body)["batch"])

    async def send(self, *names):
        for name in names:
            await self.take(SimpleNamespace(reply=f"$JS.ACK.{name}", headers=None, name=name))

    async def tell(self, status, description=""):
        headers = {"Status": status, "Description": description}
        await self.take(SimpleNamespace(reply="", headers=headers))


def on_consumer(work):
    async def run():
        consumer: Any = Consumer()
        pulls = Pulls(consumer, "s", "c")
        await pulls.start()
        await work(consumer, pulls)

    asyncio.run(run())


async def names(pulls, limit=5, wait=0.01):
    return [message.name for message in await pulls.fetch(limit, wait)]


def test_what_has_come_is_returned_at_once_and_the_rest_of_the_request_counts_for_the_next():
    async def work(consumer, pulls):
        assert await names(pulls) == []
        await consumer.send("a", "b")
        assert await names(pulls) == ["a", "b"]
        fetching = asyncio.create_task(names(pulls, limit=3, wait=30))
        await asyncio.sleep(0)
        await consumer.send("c", "d", "e")
        assert await fetching == ["c", "d", "e"]
        assert consumer.asked == [5]
        await names(pulls, limit=2)
        assert consumer.asked == [5, 2]

    on_consumer(work)


def test_no_more_are_returned_than_are_wanted():
    async def work(consumer, pulls):
        await names(pulls)
        await consumer.send(*"abcde")
        assert await names(pulls, limit=2) == ["a", "b"]
        assert await names(pulls) == ["c", "d", "e"]
        assert consumer.asked == [5]

    on_consumer(work)


@pytest.mark.parametrize(
    "status", [("404",), ("408",), ("409", "Leadership Change"), ("409", "Server Shutdown")]
)
def test_a_request_that_has_ended_is_made_anew(status):
    async def work(consumer, pulls):
        fetching = asyncio.create_task(names(pulls, wait=30))
        await asyncio.sleep(0)
        await consumer.tell("100", "Idle Heartbeat")
        await consumer.tell(*status)
        assert await fetching == []
        await names(pulls, limit=4)
        assert consumer.asked == [5, 4]

    on_consumer(work)


def test_one_whose_end_is_never_told_is_made_anew_in_time(monkeypatch):
    monkeypatch.setattr("hansa_nats.pulls.LATE", 0.0)

    async def work(consumer, pulls):
        await names(pulls)
        await names(pulls)
        assert consumer.asked == [5, 5]

    on_consumer(work)


@pytest.mark.parametrize(
    "status", [("503", "No Responders"), ("409", "Exceeded MaxRequestBatch of 1")]
)
def test_a_refusal_is_raised_once(status):
    async def work(consumer, pulls):
        await names(pulls)
        await consumer.tell(*status)
        with pytest.raises(Unavailable, match=" ".join(status)):
            await names(pulls)
        assert await names(pulls) == []

    on_consumer(work)


def test_what_was_not_fetched_is_given_back_at_the_end():
    async def work(consumer, pulls):
        await names(pulls)
        await consumer.send("a", "b")
        assert [message.name for message in await pulls.stop()] == ["a", "b"]
        assert not consumer.is_subscribed

    on_consumer(work)
