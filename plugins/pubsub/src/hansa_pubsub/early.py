"""What hansa-pubsub adds to workers and to the command line: topics, subscriptions, the section
`[pubsub]`, and commands.
"""

from __future__ import annotations

from typing import Annotated

import click
from hansa import Definition, Model, hookimpl, setting

from .kinds import Subscription, Topic


class PubSubSection(Model):
    """Publish and subscribe: `[pubsub]`."""

    threads: Annotated[int, setting("Threads in each worker that push messages", ge=1, le=64)] = 4
    lease: Annotated[
        float,
        setting(
            "Seconds without a sign of life after which another worker takes over a message that "
            "is being pushed; must be the same on all servers",
            ge=3,
            le=3600,
            advanced=True,
        ),
    ] = 15.0


@hookimpl
def hansa_settings() -> dict[str, type[Model]]:
    """Declare the section `[pubsub]`."""
    return {"pubsub": PubSubSection}


@hookimpl
def hansa_kinds() -> list[type[Definition]]:
    """Return topics and subscriptions."""
    return [Topic, Subscription]


@hookimpl
def hansa_commands(commands: click.Group) -> None:
    """Add `hansa pubsub`."""
    from .commands import pubsub

    commands.add_command(pubsub)
