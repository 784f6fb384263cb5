"""Which methods there are, and their messages: by a .proto, or derived from services."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hansa import Invalid, Registry, Service

from .compiling import compiled
from .derived import DerivedFile
from .settings import ListeningSettings, MessageSettings, MethodSettings
from .text import proto_text
from .values import Values

if TYPE_CHECKING:
    from google.protobuf.descriptor import MethodDescriptor
    from google.protobuf.descriptor_pool import DescriptorPool
    from google.protobuf.message import Message


class Unreadable(Invalid):
    """Bytes that are no message of the expected type."""

    code = "unreadable"


@dataclass(frozen=True, slots=True)
class Method:
    """One method: its path, and how its messages are read and written."""

    path: str
    request: type[Message]
    response: type[Message]
    streams: bool
    takes_stream: bool
    may_repeat: bool
    values: Values
    service: str = ""

    def read(self, raw: bytes, kind: type[Message]) -> Any:
        """Return the plain data of a message; raises `Invalid` for what is none."""
        from google.protobuf.message import DecodeError

        message = kind()
        try:
            message.ParseFromString(raw)
        except (DecodeError, RecursionError):
            name = kind.DESCRIPTOR.full_name
            raise Unreadable(f"the message cannot be read as {name}") from None
        return self.values.read(message)

    def write(self, value: Any, kind: type[Message]) -> bytes:
        """Return the bytes of a message with this data; raises `Invalid` with all faults."""
        message = kind()
        if value is not None:
            self.values.write(message, value)
        if not message.IsInitialized():
            raise Invalid(dict.fromkeys(message.FindInitializationErrors(), "required"))
        raw: bytes = message.SerializeToString()
        return raw


@dataclass(frozen=True, slots=True)
class Interface:
    """Methods by path; `texts` are .proto files by package, `classes` what they were derived from."""

    methods: Mapping[str, Method]
    pool: DescriptorPool
    texts: Mapping[str, str] = field(default_factory=dict)
    classes: Mapping[str, type[Service]] = field(default_factory=dict)

    @property
    def services(self) -> list[str]:
        """The full names of the gRPC services."""
        return sorted({path[1:].partition("/")[0] for path in self.methods})


def interface_of(config: ListeningSettings, registry: Registry) -> Interface:
    """Return what a channel serves; raises `Invalid` with all faults, by the setting."""
    descriptors = compiled(config)
    if descriptors:
        return declared_interface(config, descriptors)
    return _derived_interface(config.methods, registry)


def declared_interface(config: ListeningSettings, descriptors: bytes) -> Interface:
    """Return what is served by a .proto that was compiled; raises `Invalid`."""
    pool = declared_pool(config, descriptors)
    values = Values()
    methods: dict[str, Method] = {}
    faults: dict[str, str] = {}
    for index, one in enumerate(config.methods):
        try:
            found = _method(find_method(pool, one.path), values, one.service)
        except Invalid as invalid:
            faults[f"methods[{index}].method"] = invalid.detail
            continue
        if found.takes_stream:
            faults[f"methods[{index}].method"] = "takes a stream, which channels do not serve"
        methods[one.path] = found
    if faults:
        raise Invalid(faults)
    return Interface(methods, pool, {"": _text_of(config)})


def _derived_interface(wanted: Iterable[MethodSettings], registry: Registry) -> Interface:
    files: dict[str, DerivedFile] = {}
    classes: dict[str, type[Service]] = {}
    faults: dict[str, str] = {}
    for index, one in enumerate(wanted):
        full, _, method = one.path[1:].partition("/")
        package, _, service = full.rpartition(".")
        registered = registry.find_service(one.service)
        if registered is None:
            faults[f"methods[{index}].service"] = f"there is no service {one.service}"
            continue
        classes[one.service] = registered.cls
        file = files.setdefault(package, DerivedFile(package))
        try:
            file.add(service, method, registered.cls)
        except Invalid as invalid:
            faults[f"methods[{index}].service"] = f"{one.service}: {invalid.detail}"
    if faults:
        raise Invalid(faults)
    pool = new_pool()
    for file in files.values():
        add_file(pool, file.file.SerializeToString())
    values = Values()
    methods = {
        one.path: _method(find_method(pool, one.path), values, one.service) for one in wanted
    }
    texts = {name: proto_text(one.file, one.comments) for name, one in files.items()}
    return Interface(methods, pool, texts, classes)


def called_interface(pool: DescriptorPool, services: Iterable[str]) -> Interface:
    """Return the methods of these services of a server, by path."""
    values = Values()
    methods: dict[str, Method] = {}
    for name in services:
        descriptor = pool.FindServiceByName(name)
        for one in descriptor.methods:
            found = _method(one, values)
            methods[found.path] = found
    return Interface(methods, pool)


def new_pool() -> DescriptorPool:
    """Return a pool with what derived files import."""
    from google.protobuf import duration_pb2, struct_pb2, timestamp_pb2

    pool = new_empty_pool()
    for module in (duration_pb2, struct_pb2, timestamp_pb2):
        pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
    return pool


def declared_pool(config: MessageSettings, descriptors: bytes) -> DescriptorPool:
    """Return a pool with what a .proto declares, as it was compiled, which is in the order of
    imports; raises `Invalid`, by the setting.
    """
    from google.protobuf.descriptor_pb2 import FileDescriptorSet

    pool = new_empty_pool()
    try:
        for file in FileDescriptorSet.FromString(descriptors).file:
            add_file(pool, file.SerializeToString())
    except Invalid as invalid:
        setting = "proto" if config.proto else "proto_file"
        raise Invalid({setting: invalid.detail}) from invalid
    return pool


def new_empty_pool() -> DescriptorPool:
    """Return a pool without files."""
    from google.protobuf.descriptor_pool import DescriptorPool

    return DescriptorPool()


def add_file(pool: DescriptorPool, file: bytes) -> None:
    """Add a file whose imports are there; raises `Invalid`."""
    try:
        pool.AddSerializedFile(file)
    except (TypeError, KeyError) as error:
        raise Invalid(f"the messages cannot be used: {error}") from error


def find_method(pool: DescriptorPool, path: str) -> MethodDescriptor:
    """Return a method by its path; raises `Invalid` naming those there are."""
    service, _, name = path[1:].partition("/")
    try:
        found = pool.FindServiceByName(service)
    except KeyError:
        raise Invalid(f"the .proto declares no service {service}") from None
    method = found.methods_by_name.get(name)
    if method is None:
        known = ", ".join(one.name for one in found.methods)
        raise Invalid(f"{service} has no method {name}; it has {known}")
    return method


def _method(descriptor: MethodDescriptor, values: Values, service: str = "") -> Method:
    from google.protobuf.message_factory import GetMessageClass

    return Method(
        path=f"/{descriptor.containing_service.full_name}/{descriptor.name}",
        request=GetMessageClass(descriptor.input_type),
        response=GetMessageClass(descriptor.output_type),
        streams=descriptor.server_streaming,
        takes_stream=descriptor.client_streaming,
        may_repeat=descriptor.GetOptions().idempotency_level != 0,
        values=values,
        service=service,
    )


def _text_of(config: MessageSettings) -> str:
    if config.proto:
        return config.proto
    with open(config.proto_file, encoding="utf-8") as file:
        return file.read()


def service_names(descriptors: bytes) -> list[str]:
    """Return the full names of the services that a FileDescriptorSet declares."""
    from google.protobuf.descriptor_pb2 import FileDescriptorSet

    found = []
    for file in FileDescriptorSet.FromString(descriptors).file:
        prefix = f"{file.package}." if file.package else ""
        found += [f"{prefix}{one.name}" for one in file.service]
    return found
