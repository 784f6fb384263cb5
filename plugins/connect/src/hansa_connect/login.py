"""The settings of connections to a server that asks for a user name and a password."""

from __future__ import annotations

from typing import Annotated

from hansa import Model, Secret, setting


class LoginSettings(Model):
    """Where a server is, and who logs in."""

    host: Annotated[str, setting("Host name or IP address of the server")] = "127.0.0.1"
    port: Annotated[
        int, setting("TCP port; 0 for the default port of the protocol", ge=0, le=65535)
    ] = 0
    username: Annotated[str, setting("User name to log in with")] = ""
    password: Annotated[Secret | None, setting("Password to log in with")] = None
