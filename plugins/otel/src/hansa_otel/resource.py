"""What telemetry is of: the attributes of the resource, by the semantic conventions of OpenTelemetry,
and values as OTLP has them.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from importlib.metadata import version

from hansa import Server
from hansa_admin.writable import writable
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from .settings import OtelSection

SCOPE = InstrumentationScope(name="hansa", version=version("hansa"))


def resource_of(server: Server, section: OtelSection) -> Resource:
    """Return the resource of a worker; what `[otel] resource` says counts more."""
    own: dict[str, str | int] = {
        "service.name": section.service_name,
        "service.namespace": server.cluster.name,
        "service.instance.id": server.id,
        "service.version": version("hansa"),
        "host.name": socket.gethostname(),
        "process.pid": os.getpid(),
        "hansa.server": server.name,
    }
    return Resource(attributes=attributes_of({**own, **section.resource}))


def attributes_of(values: Mapping[str, str | int]) -> list[KeyValue]:
    """Return attributes; those with an empty text are left out."""
    return [KeyValue(key=key, value=_value(value)) for key, value in values.items() if value != ""]


def _value(value: str | int) -> AnyValue:
    if isinstance(value, int):
        return AnyValue(int_value=value)
    return AnyValue(string_value=writable(value))
