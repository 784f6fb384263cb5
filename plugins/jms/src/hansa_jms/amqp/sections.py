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
_BODY_SECTIONS = frozenset((0x75, 0x76, 0x77, 0x78))
"""Descriptors of data, sequence and value, and of the footer that may follow (AMQP 1.0, 3.2)."""


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
    at = 0
    while at < len(raw):
        if _descriptor(raw, at) in _BODY_SECTIONS:
            return at
        section = Data()
        at += section.decode(raw[at:])
    return at


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
