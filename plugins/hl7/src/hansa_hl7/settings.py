"""The settings of MLLP: where it is spoken, its limits, and how it is encrypted."""

from __future__ import annotations

from typing import Annotated

from hansa import Invalid, Model, setting
from hansa_connect.pooled import PoolSettings
from hansa_connect.tls import TlsSettings, TlsTrust

PORT = 2575
"""The port of HL7 over MLLP (IANA)."""


class MllpAddressSettings(Model):
    """Address.

    Where MLLP is spoken.
    """

    host: Annotated[str, setting("Host name or IP address", min_length=1)] = "127.0.0.1"
    port: Annotated[int, setting("TCP port", ge=1, le=65535)] = PORT


class MessageSettings(Model):
    """Messages."""

    max_body: Annotated[
        int, setting("Maximum bytes of a message, without its frame", ge=1, le=2**30)
    ] = 4 * 1024 * 1024

    @classmethod
    def upgrade(cls, old: dict[str, object]) -> dict[str, object]:
        """Read what the limit of a message was called before."""
        if "max_size" not in old:
            return old
        rest = {name: value for name, value in old.items() if name != "max_size"}
        return {"max_body": old["max_size"], **rest}


class SendingSettings(PoolSettings, TlsSettings, MessageSettings, MllpAddressSettings):
    """Sending."""

    max_connections: Annotated[
        int,
        setting(
            "Maximum connections of one worker; with 1, messages arrive in the order of their calls",
            ge=1,
            le=1000,
        ),
    ] = 1
    keep_open: Annotated[
        bool,
        setting(
            "Keep connections for further messages; switch it off for receivers that end each "
            "connection after their answer"
        ),
    ] = True


class ReceivingSettings(TlsTrust, MessageSettings, MllpAddressSettings):
    """Receiving."""

    host: Annotated[str, setting("Address to listen at; 0.0.0.0 for all of IPv4", min_length=1)] = (
        "127.0.0.1"
    )
    tls: Annotated[bool, setting("Encrypt connections with TLS, by `tls_certificate`")] = False
    max_connections: Annotated[
        int, setting("Maximum connections; further ones are closed at once", ge=1, le=10_000)
    ] = 100
    timeout: Annotated[
        float,
        setting(
            "Seconds within which a message, once begun, must be complete, a handshake of TLS be "
            "over, and an answer be taken",
            gt=0,
            le=3600,
        ),
    ] = 30.0
    idle_timeout: Annotated[
        float,
        setting("Seconds after which a connection is closed that sends nothing", gt=0, le=604_800),
    ] = 86_400.0
    sequence: Annotated[
        bool,
        setting(
            "Demand the sequence numbers of the protocol (MSH-13): a message that comes again is "
            "acknowledged and not handled twice, and none may be left out"
        ),
    ] = False

    def check(self) -> None:
        """Refuse TLS without a certificate, and a certificate without TLS; raises `Invalid`."""
        super().check()
        if self.tls and not self.tls_certificate:
            raise Invalid({"tls_certificate": "required for tls"})
        unused = [name for name in ("tls_certificate", "tls_ca") if getattr(self, name)]
        if unused and not self.tls:
            raise Invalid(dict.fromkeys(unused, "needs tls"))
