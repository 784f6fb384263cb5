"""The settings of connections to FTP servers."""

from __future__ import annotations

from typing import Annotated, Literal

from hansa import Model, setting
from hansa_connect.client import RemoteSettings
from hansa_connect.location import LocationSettings
from hansa_connect.login import ChannelLogin, CredentialSettings, OutgoingLogin
from hansa_connect.remedies import CHECK_ADDRESS
from hansa_connect.tls import TlsSettings
from hansa_connect.watched import WatchSettings

MAYBE_IMPLICIT = f"{CHECK_ADDRESS}; if the server begins with TLS there, set implicit to true"
"""What to change when a server says nothing, though it is to greet before TLS begins."""


class FtpAddressSettings(Model):
    """Address.

    Where an FTP server is.
    """

    host: Annotated[
        str,
        setting("Host name or IP address of the server", example="ftp.example.com", min_length=1),
    ]
    port: Annotated[int, setting("TCP port; 990 is usual for implicit TLS", ge=1, le=65535)] = 21


class FtpLoginSettings(CredentialSettings, FtpAddressSettings):
    """Login.

    Where an FTP server is, and who logs in.
    """

    username: Annotated[str, setting("User name to log in with", min_length=1)] = "anonymous"
    account: Annotated[str, setting("Account (ACCT), which few servers ask for", advanced=True)] = (
        ""
    )


class FtpServerSettings(TlsSettings, FtpLoginSettings):
    """Protocol.

    How to talk to an FTP server.
    """

    tls: Annotated[
        bool,
        setting(
            "Encrypt the connection with TLS (FTPS) and verify the server's certificate; "
            "otherwise password and files are sent in clear text"
        ),
    ] = True
    implicit: Annotated[
        bool, setting("Begin with TLS at once, instead of after AUTH TLS", advanced=True)
    ] = False
    passive: Annotated[
        bool,
        setting("Passive mode: the server listens for data connections, not we", advanced=True),
    ] = True
    encoding: Annotated[
        Literal["utf-8", "latin-1", "cp1252"],
        setting("Character encoding of file names", advanced=True),
    ] = "utf-8"


class FtpSettings(LocationSettings, FtpServerSettings):
    """What the channel and the outgoing connection have in common."""


class SendingSettings(RemoteSettings, OutgoingLogin, FtpSettings):
    """Sending."""


class WatchingSettings(WatchSettings, ChannelLogin, FtpSettings):
    """Settings of the channel."""
