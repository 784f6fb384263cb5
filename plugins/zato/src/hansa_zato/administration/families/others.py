"""Services of Zato's that have no family of their own, and those that are not there."""

from __future__ import annotations

import logging
from typing import Final

from ..call import Call
from ..declaration import Declared, missing

log = logging.getLogger("hansa.zato")

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
        right="operate",
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
    *missing(
        "calls that fail are kept by hansa-queue, and are replayed from there: admin.failed.*",
        *(f"zato.pattern.delivery.{action}" for action in DELIVERY),
    ),
)
