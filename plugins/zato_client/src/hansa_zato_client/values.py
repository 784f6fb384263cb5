"""The name for what messages carry: callers send what they like, and services answer with it."""

from __future__ import annotations

from typing import Any, TypeAlias

Value: TypeAlias = Any
"""Plain data, an XML element, text or bytes."""
