"""Who calls, as rates and idempotency keys count it."""

from __future__ import annotations

import hashlib

from hansa import Request

LONGEST_KEY = 100
"""Characters of a caller's name in the key of a counter; longer ones are hashed."""


def name_of(request: Request) -> str:
    """Return the name of the caller; an empty text for one who need not say."""
    principal = request.principal
    return str(getattr(principal, "name", None) or principal or "")


def definition_of(request: Request) -> str:
    """Return the security definition that vouches for the caller; an empty text without one."""
    return str(getattr(request.principal, "definition", ""))


def caller_of(request: Request) -> str:
    """Return who calls, and by which security definition; the same for all who need not say."""
    caller = f"{definition_of(request)}:{name_of(request)}"
    if len(caller) > LONGEST_KEY:
        return hashlib.blake2b(caller.encode(errors="surrogatepass"), digest_size=16).hexdigest()
    return caller
