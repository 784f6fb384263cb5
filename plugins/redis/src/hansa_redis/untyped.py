"""Names for what redis-py leaves without a type."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

Argument: TypeAlias = Any
"""The name of a command, or what it is given: text, bytes or a number."""
Option: TypeAlias = Any
"""An option of a client, of a connection, or of how a command is sent."""
Answer: TypeAlias = Any
"""What Redis answers, as redis-py reads it for the command."""

ScriptArgument: TypeAlias = str | bytes | int
"""What a script is given besides its keys."""


def text_of(name: object) -> str:
    """Return a name that a client for bytes has answered, as text."""
    return name.decode() if isinstance(name, bytes) else str(name)


class Script(Protocol):
    """A script that a client has registered, as it is called; what it answers is for the caller to
    check.
    """

    def __call__(self, *, keys: list[str], args: list[ScriptArgument]) -> object:
        """Run it in Redis, in one step."""
