"""Cassandra for Hansa."""

from .faults import CassandraFault
from .statements import Page

__all__ = ["CassandraFault", "Page"]
