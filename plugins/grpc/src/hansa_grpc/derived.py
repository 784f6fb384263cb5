"""The .proto that is derived from the Input and Output of services."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hansa import Invalid, Service
from hansa_connect.declared import LISTS, Record, documentation_of, is_record, type_of, unmarked
from msgspec import inspect

from .numbers import number_of
from .shapes import STRUCT, Shape, shape_of

if TYPE_CHECKING:
    from google.protobuf.descriptor_pb2 import (
        DescriptorProto,
        FieldDescriptorProto,
        FileDescriptorProto,
    )

_FILES = {
    "google.protobuf.Timestamp": "google/protobuf/timestamp.proto",
    "google.protobuf.Duration": "google/protobuf/duration.proto",
    STRUCT: "google/protobuf/struct.proto",
    "google.protobuf.Value": "google/protobuf/struct.proto",
    "google.protobuf.ListValue": "google/protobuf/struct.proto",
}
_is_name = re.compile(r"[A-Za-z_][A-Za-z0-9_]*").fullmatch


class DerivedFile:
    """The .proto of one package, to which methods are added.

    `comments` has what declarations say of messages, fields and methods, as `Message.field`.
    """

    def __init__(self, package: str) -> None:
        from google.protobuf.descriptor_pb2 import FileDescriptorProto

        self.package = package
        name = (package or "hansa").replace(".", "/")
        self.file: FileDescriptorProto = FileDescriptorProto(
            name=f"{name}.proto", package=package, syntax="proto3"
        )
        self.comments: dict[str, str] = {}
        self._records: dict[str, type] = {}

    def add(self, service: str, method: str, cls: type[Service]) -> None:
        """Add a method for a service: a list as its Output is a stream; raises `Invalid`."""
        declared = next((one for one in self.file.service if one.name == service), None)
        if declared is None:
            declared = self.file.service.add(name=service)
        added = declared.method.add(name=method)
        self.comments[f"{service}.{method}"] = documentation_of(cls)
        output, _, _ = unmarked(type_of(cls.Output))
        if isinstance(output, LISTS):
            added.server_streaming = True
            output, _, _ = unmarked(output.item_type)
        input, _, _ = unmarked(type_of(cls.Input))
        added.input_type = self._top(input, f"{method}Request", "Input")
        added.output_type = self._top(output, f"{method}Response", "Output")

    def _top(self, kind: inspect.Type, name: str, what: str) -> str:
        """Return the name of the message of an Input or an Output; without one, that of any
        object.
        """
        if isinstance(kind, inspect.DictType | inspect.AnyType | inspect.NoneType):
            return self._imported(STRUCT)
        if not is_record(kind):
            wanted = "an object" if what == "Input" else "an object, or a list of objects"
            raise Invalid(f"its {what} is not {wanted}, so that no message can be derived from it")
        return self._message(kind, name)

    def _imported(self, message: str) -> str:
        file = _FILES[message]
        if file not in self.file.dependency:
            self.file.dependency.append(file)
        return f".{message}"

    def _message(self, record: Record, name: str) -> str:
        full = f".{self.package}.{name}" if self.package else f".{name}"
        known = self._records.get(name)
        if known is record.cls:
            return full
        if known is not None:
            raise Invalid(
                f"two classes would be the message {name}: rename {_path(record.cls)} or "
                f"{_path(known)}, or give one of the methods another package"
            )
        self._records[name] = record.cls
        message = self.file.message_type.add(name=name)
        self.comments[name] = documentation_of(record.cls)
        for one in record.fields:
            self._field(message, one.encode_name, one.type)
        _check_numbers(message)
        return full

    def _field(self, message: DescriptorProto, name: str, kind: inspect.Type) -> None:
        where = f"{message.name}.{name}"
        if not _is_name(name):
            raise Invalid(f"{where}: a field cannot have this name")
        try:
            shape = shape_of(kind)
        except Invalid as invalid:
            raise Invalid(f"{where}: {invalid.detail}") from None
        _, marks, description = unmarked(kind)
        self.comments[where] = " ".join(description.split())
        field = message.field.add(name=name, number=number_of(name, marks))
        if shape.key:
            self._map(message, field, shape)
            return
        self._typed(field, shape)
        field.label = field.LABEL_REPEATED if shape.repeated else field.LABEL_OPTIONAL
        if shape.type and not shape.repeated:
            # what a caller leaves out is missing, and not zero
            field.proto3_optional = True
            field.oneof_index = len(message.oneof_decl)
            message.oneof_decl.add(name=f"_{name}")

    def _typed(self, field: FieldDescriptorProto, shape: Shape) -> None:
        if shape.type:
            field.type = getattr(field, f"TYPE_{shape.type.upper()}")
            return
        field.type = field.TYPE_MESSAGE
        if shape.record is not None:
            field.type_name = self._message(shape.record, shape.record.cls.__name__)
        else:
            field.type_name = self._imported(shape.message)

    def _map(self, message: DescriptorProto, field: FieldDescriptorProto, shape: Shape) -> None:
        words = field.name.split("_")
        entry = message.nested_type.add(name="".join(f"{w[:1].upper()}{w[1:]}" for w in words))
        entry.name += "Entry"
        entry.options.map_entry = True
        key = entry.field.add(name="key", number=1, label=field.LABEL_OPTIONAL)
        self._typed(key, Shape(shape.key))
        value = entry.field.add(name="value", number=2, label=field.LABEL_OPTIONAL)
        self._typed(value, shape)
        field.label = field.LABEL_REPEATED
        field.type = field.TYPE_MESSAGE
        prefix = f".{self.package}" if self.package else ""
        field.type_name = f"{prefix}.{message.name}.{entry.name}"


def _check_numbers(message: DescriptorProto) -> None:
    taken: dict[int, str] = {}
    for field in message.field:
        other = taken.setdefault(field.number, field.name)
        if other != field.name:
            raise Invalid(
                f"{message.name}: {other} and {field.name} have the same number, {field.number}: "
                "give one of them another by hansa_grpc.number"
            )


def _path(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
