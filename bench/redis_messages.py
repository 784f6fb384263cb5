"""Redis: entries of a stream and values of a list consumed by `channel redis`, against bare redis-py on
the same Valkey.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import redis
from hansa import load
from hansa_devkit import LocalServer
from hansa_devkit.local.registry import definition_model
from hansa_redis.channel import RedisChannel

from plugins.redis.tests.test_channel_contract import Peer

from .measure import Figure
from .messages import BODY, Counting, Taken, compared, taken

COUNT = 1000
"""Messages in one run."""


def redis_messages(folder: Path) -> Iterator[Figure]:
    """Messages of Redis consumed, against bare redis-py that settles them one by one."""
    with Peer() as peer, peer.client() as client:
        for source, theirs in (("stream", bare_stream), ("list", bare_list)):
            yield from compared(
                f"Redis: consume 1,000 messages of 200 bytes of a {source}",
                "redis-py in one thread",
                partial(consume, peer, client, source),
                partial(theirs, client),
            )


def fill(client: redis.Redis, source: str) -> None:
    """Put the messages where nothing else is."""
    client.flushall()
    with client.pipeline(transaction=False) as commands:
        for _ in range(COUNT):
            if source == "stream":
                commands.xadd("in", {"body": BODY})
            else:
                commands.lpush("in", BODY)
        commands.execute()


def consume(peer: Peer, client: redis.Redis, source: str) -> Taken:
    """What a channel takes."""
    fill(client, source)
    settings = {**peer.settings, "key": "in", "source": source, "service": "x"}
    config: Any = load(definition_model(RedisChannel), settings)
    return taken(RedisChannel("bench", config, LocalServer()), COUNT)


def bare_stream(client: redis.Redis) -> Taken:
    """The same by a loop that acknowledges each entry."""
    fill(client, "stream")
    client.xgroup_create("in", "bench", id="0")
    counting = Counting(COUNT)
    while True:
        found: Any = client.xreadgroup("bench", "one", {"in": ">"}, count=20)
        for number, _ in found[0][1]:
            client.xack("in", "bench", number)
            if counting.count():
                return counting.taken()


def bare_list(client: redis.Redis) -> Taken:
    """The same by a loop that keeps each value in another list until it was counted."""
    fill(client, "list")
    counting = Counting(COUNT)
    while True:
        body: Any = client.blmove("in", "in-hand", 1, "RIGHT", "RIGHT")
        client.lrem("in-hand", 1, body)
        if counting.count():
            return counting.taken()


if __name__ == "__main__":
    from .measure import table

    print(table(list(redis_messages(Path()))))
