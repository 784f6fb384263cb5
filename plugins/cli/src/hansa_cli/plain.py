"""Plain data as JSON has it."""

from __future__ import annotations

from typing import Any, TypeAlias

JsonObject: TypeAlias = dict[str, Any]
"""A JSON object: an answer of the admin API, a schema, or a part of one."""
