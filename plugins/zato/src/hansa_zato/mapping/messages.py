"""Expressions of `self.msg`: namespaces, XPath and JSON Pointers."""

from __future__ import annotations

from typing import Final

from .mapping import Mapping
from .parts import Field

_KIND: Final = "message"
_VALUE: Final = (Field("value", "value", required=True),)

MESSAGES: Final = (
    Mapping("def_namespace", _KIND, "namespace", _VALUE),
    Mapping("xpath", _KIND, "xpath", _VALUE),
    Mapping("json_pointer", _KIND, "json_pointer", _VALUE),
)
