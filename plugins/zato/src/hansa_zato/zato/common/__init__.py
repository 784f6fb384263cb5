"""Constants and exceptions, under the path that they had in 1.1 and 2.0."""

from __future__ import annotations

from hansa_zato.constants import (
    CHANNEL,
    DATA_FORMAT,
    HTTP_RESPONSES,
    KVDB,
    NO_DEFAULT_VALUE,
    SCHEDULER,
    SEC_DEF_TYPE,
    SIMPLE_IO,
    TRACE1,
    URL_TYPE,
    ZATO_DEFAULT,
    ZATO_ERROR,
    ZATO_NO_SECURITY,
    ZATO_NONE,
    ZATO_NOT_GIVEN,
    ZATO_OK,
    ZATO_SEC_USE_RBAC,
    ZATO_WARNING,
    zato_namespace,
)
from hansa_zato.exceptions import (
    ClientSecurityException,
    ConnectionException,
    HTTPException,
    Inactive,
    NoDistributionFound,
    ParsingException,
    Reportable,
    TimeoutException,
    ZatoException,
)

__all__ = [
    "CHANNEL", "DATA_FORMAT", "HTTP_RESPONSES", "KVDB", "NO_DEFAULT_VALUE", "SCHEDULER", "SEC_DEF_TYPE", "SIMPLE_IO", "TRACE1",
    "URL_TYPE", "ZATO_DEFAULT", "ZATO_ERROR", "ZATO_NONE", "ZATO_NOT_GIVEN", "ZATO_NO_SECURITY", "ZATO_OK", "ZATO_SEC_USE_RBAC",
    "ZATO_WARNING", "ClientSecurityException", "ConnectionException", "HTTPException", "Inactive", "NoDistributionFound",
    "ParsingException", "Reportable", "TimeoutException", "ZatoException", "zato_namespace",
]  # fmt: skip
