"""The notations of the native protocol version 4 (its specification, sections 3 and 4.2.5.2)."""

from __future__ import annotations

import struct

HEADER = struct.Struct(">BBhBI")
LONGEST = 256 * 1024 * 1024
TYPES = {
    "ascii": 0x01,
    "bigint": 0x02,
    "blob": 0x03,
    "boolean": 0x04,
    "counter": 0x05,
    "decimal": 0x06,
    "double": 0x07,
    "float": 0x08,
    "int": 0x09,
    "timestamp": 0x0B,
    "uuid": 0x0C,
    "text": 0x0D,
    "varchar": 0x0D,
    "varint": 0x0E,
    "timeuuid": 0x0F,
    "inet": 0x10,
    "date": 0x11,
    "time": 0x12,
    "smallint": 0x13,
    "tinyint": 0x14,
}
UNSET = object()


class Refusal(Exception):
    """An ERROR message: its code, its text, and what follows."""

    def __init__(self, code: int, text: str, more: bytes = b"") -> None:
        super().__init__(text)
        self.code = code
        self.more = more


class Reader:
    """Reads a body; what it lacks or has too much is a protocol error."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def take(self, count: int) -> bytes:
        if count < 0 or self._at + count > len(self._body):
            raise Refusal(0x0A, "the body is too short")
        self._at += count
        return self._body[self._at - count : self._at]

    def number(self, kind: str) -> int:
        found = struct.Struct(f">{kind}")
        return found.unpack(self.take(found.size))[0]

    def byte(self) -> int:
        return self.number("B")

    def short(self) -> int:
        return self.number("H")

    def int(self) -> int:
        return self.number("i")

    def string(self) -> str:
        return self.take(self.short()).decode()

    def long_string(self) -> str:
        return self.take(self.int()).decode()

    def short_bytes(self) -> bytes:
        return self.take(self.short())

    def bytes(self) -> bytes | None:
        count = self.int()
        return None if count < 0 else self.take(count)

    def value(self):
        count = self.int()
        if count < -2:
            raise Refusal(0x0A, f"a value has the length {count}")
        if count == -2:
            return UNSET
        return None if count == -1 else self.take(count)

    def end(self) -> None:
        if self._at != len(self._body):
            raise Refusal(0x0A, f"the body has {len(self._body) - self._at} bytes too many")


def short(number: int) -> bytes:
    return struct.pack(">H", number)


def integer(number: int) -> bytes:
    return struct.pack(">i", number)


def string(text: str) -> bytes:
    data = text.encode()
    return short(len(data)) + data


def value(data: bytes | None) -> bytes:
    return integer(-1) if data is None else integer(len(data)) + data


def option(kind: str) -> bytes:
    """Return the description of a type by its name in CQL."""
    kind = kind.strip()
    if kind in TYPES:
        return short(TYPES[kind])
    name, _, inner = kind.partition("<")
    parts = split_types(inner.removesuffix(">"))
    described = b"".join(option(one) for one in parts)
    if name == "frozen":
        return described
    if name == "tuple":
        return short(0x31) + short(len(parts)) + described
    if name == "udt":
        fields = [one.split(":") for one in parts]
        head = string("shop") + string("udt") + short(len(fields))
        return short(0x30) + head + b"".join(string(f) + option(t) for f, t in fields)
    return short({"list": 0x20, "map": 0x21, "set": 0x22}[name]) + described


def split_types(inner: str) -> list[str]:
    """Return the types between the brackets of another."""
    parts, depth = [""], 0
    for character in inner:
        depth += {"<": 1, ">": -1}.get(character, 0)
        if character == "," and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return [one.strip() for one in parts]


def columns(table: str, specs: list[tuple[str, str]]) -> bytes:
    """Return the description of columns of one table."""
    head = string("shop") + string(table)
    return head + b"".join(string(name) + option(kind) for name, kind in specs)


def rows(
    table: str,
    specs: list[tuple[str, str]],
    found: list[list[bytes | None]],
    state: bytes = b"",
    *,
    bare: bool = False,
) -> bytes:
    """Return the body of a result of rows; `bare` without the description of the columns."""
    flags = (4 if bare else 1) | (2 if state else 0)
    body = integer(2) + integer(flags) + integer(len(specs))
    if state:
        body += value(state)
    if not bare:
        body += columns(table, specs)
    return body + integer(len(found)) + b"".join(value(one) for row in found for one in row)
