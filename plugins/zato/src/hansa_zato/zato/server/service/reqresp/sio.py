"""The types of SimpleIO, under the path that they had in 2.0."""

from __future__ import annotations

from hansa_zato.dialect.exceptions import ValidationException
from hansa_zato.sio.structures import CSV, Dict, List, ListOfDicts, Opaque
from hansa_zato.sio.types import UTC, AsIs, Boolean as Bool, Float, ForceType, Integer as Int, Text

Boolean = Bool
Integer = Int
Unicode = Text
Nested = Opaque

__all__ = [
    "CSV",
    "UTC",
    "AsIs",
    "Bool",
    "Boolean",
    "Dict",
    "Float",
    "ForceType",
    "Int",
    "Integer",
    "List",
    "ListOfDicts",
    "Nested",
    "Opaque",
    "Unicode",
    "ValidationException",
]
