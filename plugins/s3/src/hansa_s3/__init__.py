"""Object stores that speak the protocol of Amazon S3."""

from .objects import S3Object

__all__ = ["S3Object"]
