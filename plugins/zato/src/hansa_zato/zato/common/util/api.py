"""Utilities, under the path that they have in 3.x."""

from __future__ import annotations

from hansa_zato.zato.common.util import (
    asbool,
    get_config,
    hot_deploy,
    new_cid,
    payload_from_request,
    uncamelify,
    utcnow,
)

__all__ = [
    "asbool",
    "get_config",
    "hot_deploy",
    "new_cid",
    "payload_from_request",
    "uncamelify",
    "utcnow",
]
