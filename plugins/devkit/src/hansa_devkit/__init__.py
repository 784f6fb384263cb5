"""For authors of Hansa plugins and services: what tests import. Each name is loaded when it is
first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .channel_contract import ChannelContract
    from .format_contract import FormatContract
    from .inbox import Inbox
    from .local import LocalServer, run_service
    from .memory import MemoryQueue, memory_queue
    from .outgoing_contract import OutgoingContract
    from .security_contract import SecurityContract

__all__ = [
    "ChannelContract",
    "FormatContract",
    "Inbox",
    "LocalServer",
    "MemoryQueue",
    "OutgoingContract",
    "SecurityContract",
    "memory_queue",
    "run_service",
]

_HOMES = {
    "ChannelContract": "channel_contract",
    "FormatContract": "format_contract",
    "Inbox": "inbox",
    "LocalServer": "local",
    "MemoryQueue": "memory",
    "OutgoingContract": "outgoing_contract",
    "SecurityContract": "security_contract",
    "memory_queue": "memory",
    "run_service": "local",
}


def __dir__() -> list[str]:
    """Return the names of this module, those that are not loaded yet among them."""
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    """Load what is asked for, so that the `hansa` command does not import pytest."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
