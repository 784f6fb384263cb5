"""The service grpc.call: takes each call of a channel, and has the service of its method handle it."""

from __future__ import annotations

from hansa import Binding, Dispatch, Misused, Request, Response, Service, Unavailable

from .interface import Method
from .settings import CALL

METHOD = "grpc_method"
"""The name in a request's `extra` of its `Method`."""
ADMISSION = object()
"""What is there instead in a request that asks only whether its caller is let in."""


class GrpcCall(Service):
    """Has the service of a gRPC method handle its call; the caller is known by then."""

    name = CALL

    @classmethod
    def compile(cls, binding: Binding) -> Dispatch:
        """Build the callable that reads the message, and passes it on."""
        server = binding.server
        channel = binding.channel

        def call(request: Request) -> Response:
            method = request.extra.get(METHOD)
            if method is ADMISSION:
                return Response()
            if not isinstance(method, Method):
                raise Misused(f"{CALL} is called by channels of type grpc alone")
            registered = server.registry.find_service(method.service)
            if registered is not None and registered.cls.is_administrative():
                raise Unavailable(f"{method.service} administers the cluster, and is not served")
            request.payload = method.read(request.raw, method.request)
            request.raw = b""
            return server.handle(method.service, request, type="grpc", channel=channel)

        return call
