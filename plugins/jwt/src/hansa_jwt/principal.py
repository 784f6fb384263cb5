"""Who called, with the claims of the token that says so."""

from __future__ import annotations

import json
from typing import Any, SupportsIndex

from hansa_security.verification import Principal

Claims = dict[str, Any]
"""The claims of a token by name: plain data, as JSON has it."""


class TokenPrincipal(Principal):
    """Who called: the name in the token, the definition that vouches for it, and the claims."""

    __slots__ = ("_payload",)
    _payload: str

    def __new__(cls, name: str, definition: str, payload: str) -> TokenPrincipal:
        """Make the principal `name`; `payload` is the JSON text of the verified claims."""
        self = str.__new__(cls, name)
        object.__setattr__(self, "definition", definition)
        object.__setattr__(self, "_payload", payload)
        return self

    def __reduce_ex__(
        self, protocol: SupportsIndex
    ) -> tuple[type[TokenPrincipal], tuple[str, str, str]]:
        """Let it be copied."""
        return TokenPrincipal, (str(self), self.definition, self._payload)

    @property
    def claims(self) -> Claims:
        """All claims of the token; a new dict each time, since a principal is shared by all
        requests with its token.
        """
        claims: Claims = json.loads(self._payload)
        return claims
