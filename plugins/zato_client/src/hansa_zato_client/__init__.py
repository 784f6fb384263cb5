"""Clients of services, as `zato.client` has them: one for each format, and one for any service."""

from __future__ import annotations

from .formats import JSONClient, RawDataClient, XMLClient
from .invoking import AnyServiceInvoker, ZatoClient
from .response import Response
from .sio import JSONSIOClient
from .soap import SOAPClient, SOAPSIOClient

__all__ = [
    "AnyServiceInvoker",
    "JSONClient",
    "JSONSIOClient",
    "RawDataClient",
    "Response",
    "SOAPClient",
    "SOAPSIOClient",
    "XMLClient",
    "ZatoClient",
]
