"""The streams of JetStream and their consumers: whether they are there, and how they are created."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hansa import Unavailable

from .pulls import Pulls
from .settings import SubscriptionSettings

if TYPE_CHECKING:
    from nats.aio.client import Client

MOST_PENDING = 20_000
"""Messages that all workers together may have in hand."""


async def ensure_stream(client: Client, name: str, subject: str) -> None:
    """Create a stream for a subject unless there is one of this name; raises `Unavailable`."""
    from nats.js.errors import Error, NotFoundError

    context = client.jetstream()
    try:
        await context.stream_info(name)
    except NotFoundError:
        try:
            await context.add_stream(name=name, subjects=[subject])
        except Error as error:
            raise Unavailable(f"the stream {name!r} cannot be created: {error}") from None


async def pulls(client: Client, config: SubscriptionSettings, consumer: str) -> Pulls:
    """Return what asks the consumer of a channel, which is created if it does not exist.

    Raises `Unavailable` for a stream that does not exist, or that would drop what is given up.
    """
    from nats.js.api import AckPolicy, ConsumerConfig, RetentionPolicy
    from nats.js.errors import Error, NotFoundError

    context = client.jetstream(timeout=config.timeout)
    if config.declare:
        await ensure_stream(client, config.stream, config.subject)
        if config.dead_letter_subject:
            await ensure_stream(client, f"{config.stream}-dead-letter", config.dead_letter_subject)
    try:
        found = await context.stream_info(config.stream)
    except NotFoundError:
        raise Unavailable(
            f"there is no stream {config.stream!r}: check the setting stream, or set declare to true"
        ) from None
    if found.config.retention != RetentionPolicy.LIMITS and not config.dead_letter_subject:
        raise Unavailable(
            f"the stream {config.stream!r} drops what is given up: set dead_letter_subject"
        )
    wanted = ConsumerConfig(
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=config.ack_wait,
        max_deliver=-1,
        max_ack_pending=MOST_PENDING,
        filter_subject=config.subject,
        durable_name=consumer,
        name=consumer,
    )
    try:
        await context.add_consumer(config.stream, wanted)
    except Error as error:
        raise Unavailable(
            f"the consumer {consumer!r} of the stream {config.stream!r}: {error}; name another by "
            "the setting consumer"
        ) from None
    made = Pulls(client, config.stream, consumer)
    await made.start()
    return made
