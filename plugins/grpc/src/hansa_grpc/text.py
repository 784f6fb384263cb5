"""Writes the text of a derived .proto."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from google.protobuf.descriptor_pb2 import (
        DescriptorProto,
        FieldDescriptorProto,
        FileDescriptorProto,
        ServiceDescriptorProto,
    )

Comments = Mapping[str, str]
_WIDTH = 96


def proto_text(file: FileDescriptorProto, comments: Comments) -> str:
    """Return the text of a file that `DerivedFile` has made."""
    return "\n".join(_lines(file, comments)) + "\n"


def _lines(file: FileDescriptorProto, comments: Comments) -> Iterator[str]:
    yield 'syntax = "proto3";'
    if file.package:
        yield ""
        yield f"package {file.package};"
    if file.dependency:
        yield ""
    for dependency in sorted(file.dependency):
        yield f'import "{dependency}";'
    for service in file.service:
        yield ""
        yield from _service(service, comments)
    for message in file.message_type:
        yield ""
        yield from _message(message, comments)


def _service(service: ServiceDescriptorProto, comments: Comments) -> Iterator[str]:
    yield f"service {service.name} {{"
    for method in service.method:
        yield from _comment(comments.get(f"{service.name}.{method.name}", ""), "  ")
        stream = "stream " if method.server_streaming else ""
        output = f"{stream}{method.output_type.lstrip('.')}"
        yield f"  rpc {method.name}({method.input_type.lstrip('.')}) returns ({output});"
    yield "}"


def _message(message: DescriptorProto, comments: Comments) -> Iterator[str]:
    yield from _comment(comments.get(message.name, ""), "")
    yield f"message {message.name} {{"
    entries = {one.name: one for one in message.nested_type}
    for field in message.field:
        yield from _comment(comments.get(f"{message.name}.{field.name}", ""), "  ")
        yield f"  {_declared(field, entries)} {field.name} = {field.number};"
    yield "}"


def _declared(field: FieldDescriptorProto, entries: Mapping[str, DescriptorProto]) -> str:
    entry = entries.get(field.type_name.rpartition(".")[2])
    if entry is not None:
        key, value = entry.field
        return f"map<{_type(key)}, {_type(value)}>"
    if field.label == field.LABEL_REPEATED:
        return f"repeated {_type(field)}"
    return f"optional {_type(field)}" if field.proto3_optional else _type(field)


def _type(field: FieldDescriptorProto) -> str:
    if field.type_name:
        return str(field.type_name.lstrip("."))
    name: str = field.Type.Name(field.type)
    return name.removeprefix("TYPE_").lower()


def _comment(text: str, indent: str) -> Iterator[str]:
    for line in textwrap.wrap(text, _WIDTH - len(indent)):
        yield f"{indent}// {line}"
