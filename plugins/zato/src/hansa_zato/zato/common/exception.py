"""The exceptions, under the path that they have in 3.x."""

from __future__ import annotations

from hansa_zato.dialect.exceptions import (
    BadRequest,
    ClientHTTPError,
    Conflict,
    ConnectionException,
    Forbidden,
    HTTPException,
    Inactive,
    InternalServerError,
    MethodNotAllowed,
    NotFound,
    ParsingException,
    Reportable,
    RuntimeInvocationError,
    ServiceMissingException,
    ServiceUnavailable,
    TimeoutException,
    TooManyRequests,
    Unauthorized,
    ValidationException,
    ZatoException,
)

__all__ = [
    "BadRequest",
    "ClientHTTPError",
    "Conflict",
    "ConnectionException",
    "Forbidden",
    "HTTPException",
    "Inactive",
    "InternalServerError",
    "MethodNotAllowed",
    "NotFound",
    "ParsingException",
    "Reportable",
    "RuntimeInvocationError",
    "ServiceMissingException",
    "ServiceUnavailable",
    "TimeoutException",
    "TooManyRequests",
    "Unauthorized",
    "ValidationException",
    "ZatoException",
]
