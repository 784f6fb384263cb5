"""Names for what redis-py leaves without a type."""

from __future__ import annotations

from typing import Any, TypeAlias

Argument: TypeAlias = Any
"""The name of a command, or what it is given: text, bytes or a number."""
Option: TypeAlias = Any
"""An option of a client, of a connection, or of how a command is sent."""
Answer: TypeAlias = Any
"""What Redis answers, as redis-py reads it for the command."""
