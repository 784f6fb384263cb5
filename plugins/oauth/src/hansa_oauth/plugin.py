"""The hook of hansa-oauth: the security types `oauth2` and `oauth1`."""

from __future__ import annotations

from hansa import Security, hookimpl

from .oauth1 import OAuth1
from .oauth2 import OAuth2


@hookimpl
def hansa_security() -> list[type[Security]]:
    """Return OAuth 2.0 for outgoing calls, and OAuth 1.0."""
    return [OAuth2, OAuth1]
