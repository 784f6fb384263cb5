"""OpenStack Swift for Hansa."""

from .objects import SwiftObject

__all__ = ["SwiftObject"]
