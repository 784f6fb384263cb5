"""What hansa-pubsub adds to a worker: `self.pubsub` of services, the threads that push messages, and
services.
"""

from __future__ import annotations

from collections.abc import Mapping

from hansa import HansaError, Server, Service, StoredChange, hookimpl

from .early import PubSubSection
from .failing import Deliver
from .kinds import Subscription
from .publishing import PubSub
from .pushing import Pusher
from .services import OPERATIONS


@hookimpl
def hansa_startup(server: Server) -> PubSub:
    """Return the topics and subscriptions of this worker, which its definitions fill."""
    return PubSub(server)


@hookimpl
def hansa_attributes(server: Server) -> Mapping[str, object]:
    """Return `self.pubsub` of services."""
    return {"pubsub": server.resource(PubSub)}


@hookimpl
def hansa_services() -> list[type[Service]]:
    """Return the admin services, and the one that failed messages are replayed by."""
    return [Deliver, *OPERATIONS]


@hookimpl
def hansa_serve(server: Server) -> None:
    """Begin to push messages."""
    pubsub = server.resource(PubSub)
    if server.bus.address is None:
        return
    pubsub.pusher = Pusher(server, pubsub, server.section(PubSubSection))
    pubsub.pusher.start()


@hookimpl
def hansa_drain(server: Server) -> None:
    """Push no more messages, and let those in hand end within the server's grace period."""
    pusher = server.resource(PubSub).pusher
    if pusher is not None:
        pusher.stop(server.grace)


@hookimpl
def hansa_shutdown(server: Server) -> None:
    """Close the connections."""
    server.resource(PubSub).close()


@hookimpl
def hansa_stored(server: Server, change: StoredChange) -> None:
    """Delete the messages of subscriptions that were deleted."""
    for (kind, _, name), action in change.actions:
        if (kind, action) != (Subscription.kind, "delete"):
            continue
        pubsub = server.resource(PubSub)
        try:
            pubsub.store.empty(name)
            pubsub.store.forget_counts(name)
        except HansaError as error:
            server.log.warning("the messages of %s expire by themselves: %s", name, error)
