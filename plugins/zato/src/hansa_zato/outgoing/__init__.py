"""Connections out, as services of the Zato dialect use them, over the connections of Hansa."""

from __future__ import annotations

from .connections import Outgoing
from .rest import REST

__all__ = ["REST", "Outgoing"]
