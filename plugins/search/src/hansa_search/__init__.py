"""Search engines for Hansa."""

from .faults import SearchFault
from .found import Found

__all__ = ["Found", "SearchFault"]
