"""The HTTP errors, under the path that they had in 2.0."""

from __future__ import annotations

from hansa_zato.dialect.exceptions import (
    BadRequest,
    ClientHTTPError,
    Conflict,
    Forbidden,
    MethodNotAllowed,
    NotFound,
    TooManyRequests,
    Unauthorized,
)

__all__ = [
    "BadRequest",
    "ClientHTTPError",
    "Conflict",
    "Forbidden",
    "MethodNotAllowed",
    "NotFound",
    "TooManyRequests",
    "Unauthorized",
]
