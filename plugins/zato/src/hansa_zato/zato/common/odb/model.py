"""Tables of definitions, under the path that they have in Zato, for `self.odb`."""

from __future__ import annotations

from hansa_zato.odb.model import (
    HTTPSOAP,
    IMAP,
    JWT,
    SMTP,
    APIKeySecurity,
    Base,
    Cluster,
    HTTPBasicAuth,
    Job,
    OAuth,
    OutgoingFTP,
    OutgoingOdoo,
    SecurityBase,
    Server,
    Service,
    SQLConnectionPool,
    WSSDefinition,
)

__all__ = [
    "HTTPSOAP",
    "IMAP",
    "JWT",
    "SMTP",
    "APIKeySecurity",
    "Base",
    "Cluster",
    "HTTPBasicAuth",
    "Job",
    "OAuth",
    "OutgoingFTP",
    "OutgoingOdoo",
    "SQLConnectionPool",
    "SecurityBase",
    "Server",
    "Service",
    "WSSDefinition",
]
