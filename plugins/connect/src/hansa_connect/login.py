"""The settings of connections to a server that asks who one is."""

from __future__ import annotations

from typing import Annotated

from hansa import Secret, setting

from .tls import Tls


class Login(Tls):
    """Where a server is, who logs in, how many connections there may be, and how long things may take."""

    host: Annotated[str, setting("Host name or address")] = "127.0.0.1"
    port: Annotated[int, setting("TCP port; 0 for the usual one", ge=0, le=65535)] = 0
    username: Annotated[str, setting("User name")] = ""
    password: Annotated[Secret | None, setting("Password")] = None
    max_connections: Annotated[
        int, setting("Most connections of one worker; calls wait for a free one", ge=1, le=10000)
    ] = 10
    timeout: Annotated[float, setting("Seconds that one call may take in all", gt=0, le=86400)] = (
        30.0
    )
    connect_timeout: Annotated[float, setting("Of these, to connect and log in", gt=0, le=3600)] = (
        5.0
    )
