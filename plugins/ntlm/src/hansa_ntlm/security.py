"""Security type `ntlm`: authenticates the connections of outgoing calls by NTLM."""

from __future__ import annotations

from hansa import Handshake, Misused, OutgoingRequest, Security

from .settings import NtlmSettings


class Ntlm(Security[NtlmSettings]):
    """Makes outgoing calls over connections that the server has authenticated by NTLM."""

    type = "ntlm"

    def sign_request(self, request: OutgoingRequest) -> None:
        """Have the request go over a connection of this user."""
        request.begin_handshake = self.begin_handshake

    def begin_handshake(self) -> Handshake:
        """Return the handshake for a connection that the server wants authenticated."""
        # PERF: its library takes long to import, a worker starts without it
        from .handshake import NtlmHandshake

        return NtlmHandshake(self.config)

    def sign(self, headers: dict[str, str]) -> None:
        """Refuse to sign headers: what is authenticated is a connection."""
        raise Misused(f"the security definition {self.name} authenticates connections of HTTP")
