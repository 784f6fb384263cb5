"""What a message of AMQP consists of: sections before the body, and the body as it came.

The types of bodies, annotations and properties are those of the "AMQP JMS Mapping".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from proton import Data, Described, Message, symbol, ulong

from ..messages import PropertyValue

MESSAGE_TYPE = symbol("x-opt-jms-msg-type")
REPLY_TYPE = symbol("x-opt-jms-reply-to")
DESTINATION_TYPE = symbol("x-opt-jms-dest")
OBJECT, MAP, BYTES, STREAM, TEXT = 1, 2, 3, 4, 5
"""The types of JMS messages, in `MESSAGE_TYPE`."""
GROUP = {"JMSXGroupID": "group_id", "JMSXGroupSeq": "group_sequence"}
"""Properties of JMS that are fields in AMQP."""
_DATA, _FOOTER = 0x75, 0x78
"""Descriptors of sections; sequence and value are between them (AMQP 1.0, 3.2)."""
_WIDTHS = {0xA0: 1, 0xB0: 4}
"""Bytes of the length of binary data, by its constructor (AMQP 1.0, 1.6.19)."""


@dataclass(frozen=True, slots=True)
class Sections:
    """A message as it came: what stands before its body, fields that copies keep, and the rest.

    `properties` are those of the application, with the types that they came with.
    """

    head: Message
    kept: Mapping[str, object]
    properties: Mapping[str, PropertyValue]
    body: bytes


def head_length(raw: bytes) -> int:
    """Return how many bytes stand before the body; raises ValueError or what the decoder raises."""
    at = last = 0
    while at < len(raw):
        code = _descriptor(raw, at)
        if _DATA <= code <= _FOOTER:
            return at
        if code <= last:  # else each of any number would be cut out of the whole
            raise ValueError("sections that do not follow one another")
        last = code
        section = Data()
        at += section.decode(raw[at:])
    return at


def value_of(body: bytes) -> object:
    """Return the value of a body, which may be in several sections of data.

    Raises ValueError or what the decoder raises.
    """
    at = 0
    parts: list[bytes] = []
    while at < len(body):
        code = _descriptor(body, at)
        if code == _FOOTER:
            break
        if code != _DATA:
            return _only_value(body)
        start = at + (3 if body[at + 1] == 0x53 else 10)
        begin = start + 1 + _WIDTHS[body[start]]
        at = begin + int.from_bytes(body[start + 1 : begin])
        if at > len(body):
            raise ValueError("it ends too early")
        parts.append(body[begin:at])
    return b"".join(parts) if parts else None


def _only_value(body: bytes) -> object:
    section = Data()
    end = section.decode(body)
    if end < len(body) and _descriptor(body, end) != _FOOTER:
        raise ValueError("several values")
    section.rewind()
    section.next()
    found = section.get_object()
    assert isinstance(found, Described)  # a descriptor was seen
    value = _owned(found.value)
    if isinstance(value, Mapping):
        return {name: _owned(item) for name, item in value.items()}
    return value


def _owned(value: object) -> object:
    """Return a value that can be used once the decoder is gone, whose memory binary data is."""
    return bytes(value) if isinstance(value, memoryview) else value


def _descriptor(raw: bytes, at: int) -> int:
    """Return the code of the section that begins there (AMQP 1.0, 1.2 and 3.2)."""
    if raw[at : at + 2] == b"\0\x53":
        return raw[at + 2]
    if raw[at : at + 2] == b"\0\x80":
        return int.from_bytes(raw[at + 2 : at + 10])
    raise ValueError("a section without a code")


def as_data(raw: bytes) -> bytes:
    """Return a section of data."""
    made = Data()
    made.put_object(Described(ulong(0x75), raw))
    return bytes(made.encode())
