"""Services of Zato's that have no family of their own, and those that are not there."""

from __future__ import annotations

import logging
from typing import Final

from ..call import Call
from ..crud import CRUD
from ..declaration import Declared, missing
from ..reasons import not_carried

log = logging.getLogger("hansa.zato")

TOPICS: Final = (*CRUD, "get-info", "publish")
CONSUMERS: Final = (*CRUD, "get-info", "clear-queue")
DELIVERY: Final = (
    "definition.create",
    "definition.edit",
    "definition.delete",
    "definition.get-list",
    "get-counters",
    "get-list",
    "get-details",
    "get-history-list",
    "edit",
    "delete",
    "resubmit",
)


def log_input(call: Call) -> None:
    """Log what the call says."""
    log.info("input of %s: %s", call.cid, call.input)


SERVICES: Final = (
    Declared(
        "zato.helpers.sio-input-logger",
        log_input,
        optional=("id", "is_active", "name", "value"),
        differs="it knows the names id, is_active, name and value",
    ),
    *missing(
        "the certificate of a caller is verified by the server, and what is known of it is in "
        "self.request",
        "zato.helpers.tls-logger",
    ),
    *missing(
        "self.patterns.invoke_retry does without a service of its own",
        "zato.pattern.invoke-retry.invoke-retry",
    ),
    *not_carried("pubsub_topics", "zato.pubsub.topics", TOPICS),
    *not_carried("pubsub_consumers", "zato.pubsub.consumers", CONSUMERS),
    *not_carried("pubsub_producers", "zato.pubsub.producers", (*CRUD, "get-info")),
    *not_carried("pubsub_topics", "zato.pubsub.message", ("get", "get-list", "delete")),
    *missing(
        "messages that are due, expired or in no queue are looked after by the broker",
        "zato.pubsub.delete-expired",
        "zato.pubsub.invoke-callbacks",
        "zato.pubsub.move-to-target-queues",
    ),
    *missing(
        "calls that fail are kept by hansa-queue, and are replayed from there: admin.failed.*",
        *(f"zato.pattern.delivery.{action}" for action in DELIVERY),
    ),
)
