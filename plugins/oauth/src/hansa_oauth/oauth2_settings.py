"""Settings of the security type `oauth2`."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from hansa import Invalid, Model, Secret, setting
from hansa_connect.tls import authorities_setting, fault_of_authorities
from hansa_http.forward_proxy import ProxySettings
from hansa_http.secure_url import fault_of_secure_url
from hansa_jwt.settings import Algorithm

ClientAuthentication = Literal[
    "client_secret_basic", "client_secret_post", "private_key_jwt", "none"
]
"""How a client proves who it is to the token endpoint (RFC 6749, section 2.3; RFC 7523)."""

_OWN_PARAMETERS = frozenset(
    (
        "grant_type",
        "client_id",
        "client_secret",
        "client_assertion",
        "client_assertion_type",
        "refresh_token",
        "scope",
        "audience",
        "resource",
    )
)
_is_scope = re.compile(r"(?:[!#-\[\]-~]+(?: [!#-\[\]-~]+)*)?").fullmatch
_is_printable_ascii = re.compile(r"[ -~]*").fullmatch


class OAuth2Settings(Model):
    """OAuth 2.0.

    What a definition of OAuth 2.0 holds. Times are seconds.
    """

    token_url: Annotated[
        str,
        setting(
            "URL of the issuer's token endpoint; https, or http on this machine",
            max_length=2048,
            example="https://login.example.com/oauth2/token",
        ),
    ]
    client_id: Annotated[
        str,
        setting("Client ID that the issuer knows this client by", min_length=1, max_length=1024),
    ]
    client_authentication: Annotated[
        ClientAuthentication,
        setting(
            "How the client proves who it is: with its secret in the Authorization header or in the "
            "form, or with a token signed by its key (RFC 7523); none is for public clients with a "
            "refresh token"
        ),
    ] = "client_secret_basic"
    client_secret: Annotated[
        Secret | None, setting("Client secret, for client_secret_basic and client_secret_post")
    ] = None
    private_key: Annotated[
        Secret | None,
        setting(
            "Private key, for private_key_jwt: in PEM without a passphrase, or as a JSON Web Key",
            multiline=True,
        ),
    ] = None
    grant: Annotated[
        Literal["client_credentials", "refresh_token"],
        setting(
            "Grant to ask for tokens by: that of the client itself, or that of a user who has "
            "consented, from which there is a refresh token"
        ),
    ] = "client_credentials"
    refresh_token: Annotated[
        Secret | None,
        setting(
            "Refresh token to begin with, for the grant refresh_token; one that the issuer returns "
            "in its place is kept by the cluster"
        ),
    ] = None
    scope: Annotated[
        str,
        setting("Scopes to ask for, separated by single spaces", max_length=4096),
    ] = ""
    audience: Annotated[
        str,
        setting("Audience to ask for, where the issuer has such a parameter", max_length=2048),
    ] = ""
    resource: Annotated[
        list[str],
        setting("URLs of the resources that the token is for (RFC 8707)", max_length=20),
    ] = []
    parameters: Annotated[
        dict[str, str], setting("Further parameters of requests for tokens", advanced=True)
    ] = {}
    key_id: Annotated[
        str,
        setting("Key ID in the header kid of tokens that prove the client", max_length=256),
    ] = ""
    key_algorithm: Annotated[
        Algorithm | Literal[""],
        setting(
            "Signature algorithm of tokens that prove the client; by default RS256, or that of the "
            "key's curve",
            advanced=True,
        ),
    ] = ""
    assertion_audience: Annotated[
        str,
        setting(
            "Audience of tokens that prove the client; by default the token endpoint",
            max_length=2048,
            advanced=True,
        ),
    ] = ""
    username: Annotated[
        str,
        setting(
            "User name that goes with the token where connections log in with both",
            max_length=1024,
            advanced=True,
        ),
    ] = ""
    renew_before: Annotated[
        float,
        setting(
            "Seconds before it expires at which a token is renewed in the background, at most half of "
            "its lifetime",
            ge=0,
            le=86400,
            advanced=True,
        ),
    ] = 60.0
    default_lifetime: Annotated[
        int,
        setting(
            "Lifetime in seconds that is assumed of tokens if the issuer does not state it",
            ge=1,
            le=2_592_000,
            advanced=True,
        ),
    ] = 3600
    retry_interval: Annotated[
        float,
        setting(
            "Minimum interval in seconds between requests for tokens after a failure, and minimum age "
            "of a token that is renewed because a peer has refused it",
            ge=0,
            le=3600,
            advanced=True,
        ),
    ] = 10.0
    timeout: Annotated[
        float,
        setting(
            "Maximum time to get a token from the issuer, in seconds", gt=0, le=60, advanced=True
        ),
    ] = 10.0
    tls_ca: Annotated[
        str,
        authorities_setting("Certificate authorities to trust when calling the issuer"),
    ] = ""
    proxy: Annotated[
        ProxySettings | None,
        setting("Proxy to call the issuer through; without one, directly", advanced=True),
    ] = None

    def check(self) -> None:
        """The credentials are those of the authentication and of the grant, and usable."""
        faults = {
            **self._faults_of_credentials(),
            **self._faults_of_parameters(),
        }
        fault = fault_of_secure_url(self.token_url, "secrets and tokens come through it")
        if fault:
            faults["token_url"] = fault
        fault = fault_of_authorities(self.tls_ca)
        if fault:
            faults["tls_ca"] = fault
        if self.private_key is not None and "private_key" not in faults:
            # PERF: its library takes 150 ms to import, which workers without a key save
            from .client_assertion import fault_of_key

            fault = fault_of_key(self.private_key, self.key_algorithm)
            if fault:
                faults["private_key"] = fault
        if faults:
            raise Invalid(faults)

    def _faults_of_credentials(self) -> dict[str, str]:
        faults: dict[str, str] = {}
        how = self.client_authentication
        needs_secret = how in ("client_secret_basic", "client_secret_post")
        needed = {
            "client_secret": (self.client_secret, needs_secret, f"for {how}"),
            "private_key": (self.private_key, how == "private_key_jwt", f"for {how}"),
            "refresh_token": (
                self.refresh_token,
                self.grant == "refresh_token",
                f"for the grant {self.grant}",
            ),
        }
        for name, (value, is_needed, purpose) in needed.items():
            if is_needed and not value:
                faults[name] = f"required {purpose}"
            elif value is not None and not is_needed:
                faults[name] = f"is not used {purpose}"
        if how == "none" and self.grant == "client_credentials":
            faults["client_authentication"] = "none excludes the grant client_credentials"
        return faults

    def _faults_of_parameters(self) -> dict[str, str]:
        faults: dict[str, str] = {}
        if not _is_printable_ascii(self.client_id):
            faults["client_id"] = "must be printable ASCII (RFC 6749, appendix A.1)"
        if not _is_scope(self.scope):
            faults["scope"] = "must be scopes separated by single spaces (RFC 6749, section 3.3)"
        for index, resource in enumerate(self.resource):
            parts = urlsplit(resource)
            if not parts.scheme or "#" in resource:
                faults[f"resource[{index}]"] = "must be an absolute URI without a fragment"
        own = _OWN_PARAMETERS & self.parameters.keys()
        if own:
            faults["parameters"] = f"{', '.join(sorted(own))} is set from other settings"
        return faults
