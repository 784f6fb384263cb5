"""What a server says of its methods: server reflection, as a client asks for it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from hansa import Invalid, Unavailable

from .interface import Interface, add_file, called_interface, new_empty_pool
from .reflection import PATHS

if TYPE_CHECKING:
    import grpc
    from google.protobuf.descriptor_pb2 import FileDescriptorProto
    from google.protobuf.descriptor_pool import DescriptorPool

Metadata: TypeAlias = Sequence[tuple[str, str]]
MOST_FILES = 1000
"""Files that a server may have."""
_OWN = "grpc.reflection."


def reflected(channel: grpc.Channel, metadata: Metadata, timeout: float) -> Interface:
    """Return the methods of a server, as it says itself; raises `Unavailable` if it does not, and
    `grpc.RpcError`.
    """
    import grpc

    for path in PATHS:
        try:
            return _Reflection(channel, path, metadata, timeout).interface()
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.UNIMPLEMENTED:
                raise
    raise Unavailable(
        "the server does not tell its methods (server reflection): set proto or proto_file"
    )


class _Reflection:
    """One look at a server, in one version of the protocol."""

    def __init__(
        self, channel: grpc.Channel, path: str, metadata: Metadata, timeout: float
    ) -> None:
        from grpc_reflection.v1alpha import reflection_pb2

        self._messages = reflection_pb2
        self._ask = channel.stream_stream(
            path,
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        self._metadata = metadata
        self._timeout = timeout
        self._files: dict[str, FileDescriptorProto] = {}

    def interface(self) -> Interface:
        """Return the methods of all services."""
        answers = self._answers([{"list_services": ""}])
        if not answers:
            raise Unavailable("the server does not answer what its methods are: set proto")
        names = [one.name for one in answers[0].list_services_response.service]
        names = [name for name in names if not name.startswith(_OWN)]
        for found in self._answers([{"file_containing_symbol": name} for name in names]):
            self._take(found)
        missing = self._missing()
        while missing:
            for found in self._answers([{"file_by_filename": name} for name in missing]):
                self._take(found)
            still = self._missing()
            if still == missing:
                raise Unavailable(f"the server does not tell what it imports: {missing[0]}")
            missing = still
        pool = new_empty_pool()
        done: set[str] = set()
        for name in list(self._files):
            self._add(pool, name, done, ())
        return called_interface(pool, _declared(pool, names))

    def _answers(self, questions: list[dict[str, str]]) -> list[Any]:
        requests = [self._messages.ServerReflectionRequest(**one) for one in questions]
        return list(self._ask(iter(requests), timeout=self._timeout, metadata=self._metadata))

    def _take(self, answer: Any) -> None:
        from google.protobuf.descriptor_pb2 import FileDescriptorProto
        from google.protobuf.message import DecodeError

        for raw in answer.file_descriptor_response.file_descriptor_proto:
            try:
                file = FileDescriptorProto.FromString(raw)
            except DecodeError as error:
                raise Unavailable("what the server tells of its methods is unreadable") from error
            self._files.setdefault(file.name, file)
        if len(self._files) > MOST_FILES:
            raise Unavailable(f"the server has more than {MOST_FILES} files of methods")

    def _missing(self) -> list[str]:
        needed = {name for file in self._files.values() for name in file.dependency}
        return sorted(needed - self._files.keys())

    def _add(self, pool: DescriptorPool, name: str, done: set[str], above: tuple[str, ...]) -> None:
        """Add a file after those that it imports."""
        if name in done:
            return
        if name in above:
            raise Unavailable(f"what the server tells of its methods goes round in {name}")
        for one in self._files[name].dependency:
            self._add(pool, one, done, (*above, name))
        try:
            add_file(pool, self._files[name].SerializeToString())
        except Invalid as invalid:
            raise Unavailable(invalid.detail) from invalid
        done.add(name)


def _declared(pool: DescriptorPool, names: Iterable[str]) -> list[str]:
    """Return the services of which the server has told the methods: of some it knows but the name."""
    found = []
    for name in names:
        with contextlib.suppress(KeyError):
            pool.FindServiceByName(name)
            found.append(name)
    return found
