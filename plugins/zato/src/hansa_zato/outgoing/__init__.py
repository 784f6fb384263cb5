"""Connections out, as services of the Zato dialect call them."""

from __future__ import annotations

from .connections import REST, Outgoing

__all__ = ["REST", "Outgoing"]
