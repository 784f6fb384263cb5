"""Services of Zato's that have no family of their own, and those that are not there."""

from __future__ import annotations

from typing import Final

from ..crud import CRUD
from ..declaration import missing
from ..reasons import not_carried

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

SERVICES: Final = (
    *not_carried("pubsub_topics", "zato.pubsub.topics", TOPICS),
    *not_carried("pubsub_consumers", "zato.pubsub.consumers", CONSUMERS),
    *not_carried("pubsub_producers", "zato.pubsub.producers", (*CRUD, "get-info")),
    *not_carried("pubsub_topics", "zato.pubsub.message", ("get", "get-list", "delete")),
    *missing(
        "messages that are due, expired or in no queue are looked after by the broker",
        "zato.pubsub.rest-handler",
        "zato.pubsub.delete-expired",
        "zato.pubsub.invoke-callbacks",
        "zato.pubsub.move-to-target-queues",
    ),
    *missing(
        "calls that fail are kept by hansa-queue, and are replayed from there: admin.failed.*",
        *(f"zato.pattern.delivery.{action}" for action in DELIVERY),
    ),
)
