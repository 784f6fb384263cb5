"""Caches of Hansa: values that all services of a cluster share, until they expire."""

from .caches import Caches

__all__ = ["Caches"]
