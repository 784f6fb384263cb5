"""Dataclass models, under the path that they have in 3.x."""

from __future__ import annotations

from hansa_zato.sio.models import Model

__all__ = ["Model"]
