"""A channel ends in order: what was acknowledged before does not come again, and no more is asked for."""

from __future__ import annotations

import pytest
from hansa import load
from hansa_devkit.background import in_background
from hansa_devkit.harness.objects import Held
from hansa_devkit.harness.waiting import wait_until
from hansa_jms.amqp.subscriber import AmqpSubscriber
from hansa_jms.settings import SendingSettings
from hansa_jms.wire import Received, Subscription

from plugins.jms.tests.strict import Strict
from plugins.jms.tests.test_channel import made
from plugins.jms.tests.test_strict import send

COUNT = 2000


def test_what_was_acknowledged_just_before_the_end_is_gone(rabbit):
    """The broker has hundreds of acknowledgements to read yet when it is told of the end."""
    rabbit.make("ends")
    with rabbit.broker() as channel:
        for _ in range(COUNT):
            channel.basic_publish("", "ends", b"x")
    connection = AmqpSubscriber(
        load(SendingSettings, {**rabbit.settings, "timeout": 30}), heartbeat=10.0
    )
    connection.open(30.0)
    connection.subscribe(Subscription("/queue/ends", "", COUNT, False, "", 1000))
    found: list[Received] = []
    while len(found) < COUNT:
        found += connection.wait()
    for each in found:
        connection.acknowledge([each.handle])
    connection.close()
    assert rabbit.count("ends") == 0


@pytest.mark.parametrize(("count", "prefetch"), [(20, 1), (10, 20)])
def test_a_channel_that_ends_takes_no_more(count, prefetch):
    """What it gives back would come to it again, for as long as its services last."""
    held, taken = Held(), min(count, prefetch)
    with Strict() as strict:
        send(strict, "ends", *(f"{number}" for number in range(count)))
        one = made(strict, queue="ends", pool=1, prefetch=prefetch)
        one.dispatch = held
        one.start()
        try:
            held.inbox.wait(1, 60)
            wait_until(lambda: one._fresh.qsize() == taken - 1, 30, "the others are in hand")
            ending = in_background(one.stop)
            wait_until(lambda: strict.count("ends") == count - 1, 30, "they are given back")
            wait_until(lambda: one._cancelled, 30)
            held.going.set()
            ending.result(60)
        finally:
            held.going.set()
        assert strict.count("ends") == count - 1
        assert strict.sent == taken
