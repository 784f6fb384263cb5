"""The settings of connections to mail servers."""

from __future__ import annotations

from typing import Annotated

from hansa import Invalid, Model, setting
from hansa_connect.login import CredentialSettings, OutgoingLogin, login_source
from hansa_connect.pooled import PoolSettings
from hansa_connect.tls import TlsSettings

from .addresses import fault_of_address


class SmtpAddressSettings(Model):
    """Address.

    Where a mail server is.
    """

    host: Annotated[
        str,
        setting("Host name or IP address of the server", example="mail.example.com", min_length=1),
    ]
    port: Annotated[
        int,
        setting(
            "TCP port; 0 for 587 with STARTTLS, 465 with implicit TLS, 25 without", ge=0, le=65535
        ),
    ] = 0


class SmtpServerSettings(PoolSettings, TlsSettings, CredentialSettings, SmtpAddressSettings):
    """Protocol.

    How to talk to a mail server.
    """

    tls: Annotated[
        bool,
        setting(
            "Encrypt the connection with STARTTLS and verify the server's certificate; "
            "otherwise password and messages are sent in clear text"
        ),
    ] = True
    implicit: Annotated[
        bool, setting("Begin with TLS at once, instead of after STARTTLS", advanced=True)
    ] = False
    local_hostname: Annotated[
        str,
        setting(
            "Name by which the server is greeted (EHLO); empty for that of this machine",
            advanced=True,
        ),
    ] = ""

    @property
    def effective_port(self) -> int:
        """The port, or the one that is usual for the encryption."""
        if self.port:
            return self.port
        if not self.tls:
            return 25
        return 465 if self.implicit else 587


class SmtpSettings(OutgoingLogin, SmtpServerSettings):
    """Sending."""

    sender: Annotated[
        str,
        setting(
            "Sender of messages that name none; with or without a display name",
            example="Orders <orders@example.com>",
        ),
    ] = ""
    size_limit: Annotated[
        int,
        setting("Maximum bytes of a message as it is sent, attachments included", ge=1),
    ] = 25 * 1024 * 1024

    def check(self) -> None:
        """Refuse a sender that is no address, and a password without a user name; raises `Invalid`."""
        super().check()
        faults = {}
        if self.sender and fault_of_address(self.sender):
            faults["sender"] = fault_of_address(self.sender)
        _, definition = login_source(self)
        if self.password is not None and not self.username and not definition:
            faults["username"] = "required with a password"
        if self.implicit and not self.tls:
            faults["implicit"] = "needs tls"
        if faults:
            raise Invalid(faults)
