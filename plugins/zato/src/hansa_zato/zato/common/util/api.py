"""Utilities, under the path that they have in 3.x."""

from __future__ import annotations

from hansa_zato.zato.common.util import asbool, new_cid, uncamelify, utcnow

__all__ = ["asbool", "new_cid", "uncamelify", "utcnow"]
