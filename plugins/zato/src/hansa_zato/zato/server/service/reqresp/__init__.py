"""Requests, responses and types, under the path that they had in 1.1 and 2.0."""

from __future__ import annotations

from hansa_zato.dialect.exceptions import ParsingException, ValidationException
from hansa_zato.dialect.request import Request
from hansa_zato.dialect.response import Response
from hansa_zato.sio.payload import Payload as SimpleIOPayload
from hansa_zato.zato.server.service.reqresp.sio import *  # noqa: F403 (its list is this module's)
from hansa_zato.zato.server.service.reqresp.sio import __all__ as _types

__all__ = [
    "ParsingException",
    "Request",
    "Response",
    "SimpleIOPayload",
    "ValidationException",
    *_types,
]
