"""Services that hand what they get to an HTTP connection, under the path that they have in Zato."""

from __future__ import annotations

from hansa_zato.constants import ADAPTER_PARAMS
from hansa_zato.dialect.adapters import JSONAdapter, RESTAdapter

__all__ = ["ADAPTER_PARAMS", "JSONAdapter", "RESTAdapter"]
