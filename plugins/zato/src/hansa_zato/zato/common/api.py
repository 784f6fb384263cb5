"""The constants, under the path that they have in 3.x."""

from __future__ import annotations

from hansa_zato.zato.common import (
    ADAPTER_PARAMS,
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
    ZATO_ERROR,
    ZATO_NONE,
    ZATO_NOT_GIVEN,
    ZATO_OK,
    SMTPMessage,
    zato_namespace,
)

__all__ = [
    "ADAPTER_PARAMS",
    "CHANNEL",
    "DATA_FORMAT",
    "HTTP_RESPONSES",
    "KVDB",
    "NO_DEFAULT_VALUE",
    "SCHEDULER",
    "SEC_DEF_TYPE",
    "SIMPLE_IO",
    "TRACE1",
    "URL_TYPE",
    "ZATO_ERROR",
    "ZATO_NONE",
    "ZATO_NOT_GIVEN",
    "ZATO_OK",
    "SMTPMessage",
    "zato_namespace",
]
