"""Navigation of nested dictionaries and lists."""

from __future__ import annotations

from hansa_zato.dialect.nav import DictNav, ListNav

__all__ = ["DictNav", "ListNav"]
