"""gRPC for Hansa."""

from .numbers import number as number

__all__ = ["number"]
