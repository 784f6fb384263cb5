"""Who a definition is at the object store: the login, its token, and where the account is."""

from __future__ import annotations

import ssl
from urllib.parse import urlsplit

from hansa import Unavailable
from hansa_connect.files import one_line
from hansa_connect.tls import context_of
from keystoneauth1.identity import v3
from keystoneauth1.identity.base import BaseIdentityPlugin
from swiftclient.authv1 import PasswordPlugin

from .settings import SwiftServerSettings


class Identity:
    """The login of a definition, shared by its connections: one token serves all of them.

    Names of security definitions are resolved in `config`.
    """

    def __init__(self, config: SwiftServerSettings) -> None:
        self.config = config
        self.where = urlsplit(config.auth_url).netloc
        self.context = _context(config)
        self.plugin: BaseIdentityPlugin = _plugin(config)


def _context(config: SwiftServerSettings) -> ssl.SSLContext:
    try:
        return context_of(config)
    except OSError as error:
        told = one_line(error)
        raise Unavailable(f"{told}; check the settings tls_ca and tls_certificate") from error


def _plugin(config: SwiftServerSettings) -> BaseIdentityPlugin:
    """Return what gets tokens, and another one in time before a token ends."""
    password = str(config.password)
    if config.auth_type == "v1password":
        found: BaseIdentityPlugin = PasswordPlugin(config.auth_url, config.username, password)
        return found
    if config.auth_type == "v3applicationcredential":
        return v3.ApplicationCredential(
            config.auth_url,
            application_credential_id=config.username,
            application_credential_secret=password,
        )
    by_name = not config.project_id
    return v3.Password(
        config.auth_url,
        username=config.username,
        password=password,
        user_domain_name=config.user_domain,
        project_id=config.project_id or None,
        project_name=config.project if by_name else None,
        project_domain_name=config.project_domain if by_name else None,
    )
