"""Server reflection: callers learn which methods there are, in both versions of the protocol."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import grpc

    from .interface import Interface

PATHS = (
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
)
LONGEST = 30.0
"""Seconds after which a reflection ends: each occupies a thread."""


def reflection_handlers(
    interface: Interface, admit: Callable[[grpc.ServicerContext], None]
) -> dict[str, grpc.RpcMethodHandler]:
    """Return the handlers of server reflection, by path; `admit` ends the calls of those who are refused."""
    import grpc
    from grpc_reflection.v1alpha import reflection, reflection_pb2

    servicer = reflection.ReflectionServicer([*interface.services], pool=interface.pool)

    def answer(requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        admit(context)
        guard = threading.Timer(LONGEST, context.cancel)
        guard.daemon = True
        guard.start()
        try:
            yield from servicer.ServerReflectionInfo(requests, context)
        finally:
            guard.cancel()

    # the messages of both versions are the same
    handler = grpc.stream_stream_rpc_method_handler(
        answer,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    return dict.fromkeys(PATHS, handler)
