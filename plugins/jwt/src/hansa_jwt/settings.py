"""Settings of the security type `jwt`."""

from __future__ import annotations

from typing import Annotated, Literal

from hansa import Invalid, Model, Secret, setting
from hansa_connect.tls import authorities_setting, fault_of_authorities
from hansa_http.forward_proxy import ProxySettings
from hansa_http.secure_url import fault_of_secure_url

Algorithm = Literal[
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "Ed25519",
    "HS256",
    "HS384",
    "HS512",
]
"""The algorithms of signatures that may be accepted (RFC 7518, 8037, 9864); EdDSA is Ed25519 here.
"""


class JwtSettings(Model):
    """JSON Web Tokens.

    What a definition of JSON Web Tokens holds. Times are seconds.
    """

    issuer: Annotated[
        str,
        setting(
            "Issuer of the tokens: the exact value of their claim iss",
            min_length=1,
            max_length=1024,
            example="https://login.example.com",
        ),
    ]
    audience: Annotated[
        list[str],
        setting(
            "Who the tokens must be meant for: their claim aud must hold one of these",
            min_length=1,
            max_length=20,
            example="https://api.example.com",
        ),
    ]
    algorithms: Annotated[
        list[Algorithm],
        setting("Signature algorithms that are accepted; all others are refused", min_length=1),
    ]
    jwks_url: Annotated[
        str,
        setting(
            "URL of the issuer's JSON Web Key Set (RFC 7517), its jwks_uri; https, or http on this "
            "machine",
            max_length=2048,
            example="https://login.example.com/.well-known/jwks.json",
        ),
    ] = ""
    public_keys: Annotated[
        list[str],
        setting(
            "Public keys of the issuer instead of a URL, each in PEM or as a JSON Web Key, all "
            "valid at once",
            max_length=20,
            multiline=True,
        ),
    ] = []
    secrets: Annotated[
        list[Secret],
        setting(
            "Secrets shared with the issuer, for HS256, HS384 and HS512, all valid at once: text, "
            "or a JSON Web Key of the type oct; at least as long as the hash",
            max_length=20,
        ),
    ] = []
    clock_skew: Annotated[
        int,
        setting(
            "Tolerated difference between the clocks of issuer and server, in seconds", ge=0, le=600
        ),
    ] = 30
    principal_claim: Annotated[
        str,
        setting("Claim that names the caller, a text", min_length=1, max_length=256, example="sub"),
    ] = "sub"
    required_claims: Annotated[
        list[str],
        setting("Further claims that a token must have, whatever their values", max_length=50),
    ] = []
    token_type: Annotated[
        str,
        setting(
            "Type that tokens must name in their header typ, such as at+jwt (RFC 9068), so that no "
            "other token of the issuer will do; empty accepts any",
            max_length=100,
        ),
    ] = ""
    jwks_refresh: Annotated[
        float,
        setting(
            "Interval in seconds at which the key set is fetched again",
            ge=1,
            le=86400,
            advanced=True,
        ),
    ] = 300.0
    jwks_outage: Annotated[
        float,
        setting(
            "Seconds for which the keys fetched last remain valid while the key set cannot be fetched",
            ge=0,
            le=2_592_000,
            advanced=True,
        ),
    ] = 86_400.0
    jwks_interval: Annotated[
        float,
        setting(
            "Minimum interval in seconds between fetches on account of tokens that name an unknown "
            "key, and between attempts while the key set cannot be fetched",
            ge=1,
            le=3600,
            advanced=True,
        ),
    ] = 10.0
    jwks_timeout: Annotated[
        float, setting("Maximum time to fetch the key set, in seconds", gt=0, le=60, advanced=True)
    ] = 5.0
    jwks_ca: Annotated[
        str,
        authorities_setting("Certificate authorities to trust when fetching the key set"),
    ] = ""
    jwks_proxy: Annotated[
        ProxySettings | None,
        setting("Proxy to fetch the key set through; without one, directly", advanced=True),
    ] = None
    signing_key: Annotated[
        Secret | None,
        setting(
            "Key that signs outgoing calls, with the first of the algorithms that suits it: a "
            "private key in PEM or as a JSON Web Key, or for HS256, HS384 and HS512 a secret. "
            "Without other keys, callers with tokens made by it are let in, too",
            multiline=True,
        ),
    ] = None
    signing_key_id: Annotated[
        str,
        setting("Key ID in the header kid of signed tokens", max_length=256, advanced=True),
    ] = ""
    signing_subject: Annotated[
        str,
        setting("Claim sub of signed tokens; empty is the issuer", max_length=1024, advanced=True),
    ] = ""
    signing_claims: Annotated[
        dict[str, str], setting("Further claims of signed tokens", advanced=True)
    ] = {}
    signing_lifetime: Annotated[
        int, setting("Seconds after which signed tokens expire", ge=10, le=86400, advanced=True)
    ] = 300

    @property
    def is_symmetric(self) -> bool:
        """Whether the algorithms are those of shared secrets (HMAC)."""
        return any(name.startswith("HS") for name in self.algorithms)

    def check(self) -> None:
        """There is one source of keys, of the kind that the algorithms need, and each key is
        usable.
        """
        faults = {**self._faults_of_source(), **self._faults_of_url()}
        fault = fault_of_authorities(self.jwks_ca)
        if fault:
            faults["jwks_ca"] = fault
        own = {"iss", "aud", "sub", "iat", "exp", "jti"} & self.signing_claims.keys()
        if own:
            faults["signing_claims"] = f"{', '.join(sorted(own))} is set from other settings"
        if not faults:
            # PERF: its libraries take 150 ms to import, which workers without such a definition
            # save
            from .keys import faults_of_keys

            faults = faults_of_keys(self)
        if faults:
            raise Invalid(faults)

    def _faults_of_source(self) -> dict[str, str]:
        if self.is_symmetric and not all(name.startswith("HS") for name in self.algorithms):
            return {
                "algorithms": "those of shared secrets (HS256, HS384, HS512) and those of key pairs "
                "cannot be accepted by one definition: make two, and name both in the channel"
            }
        given = [name for name in ("jwks_url", "public_keys", "secrets") if getattr(self, name)]
        if len(given) > 1:
            return {given[1]: f"excludes {given[0]}: there is one source of keys"}
        if not given and self.signing_key is None:
            needed = "secrets" if self.is_symmetric else "jwks_url"
            return {needed: "required, since nothing else says which keys are the issuer's"}
        if self.is_symmetric and given not in ([], ["secrets"]):
            return {given[0]: "is not for HS256, HS384 and HS512, which need secrets"}
        if not self.is_symmetric and given == ["secrets"]:
            return {"secrets": "are for HS256, HS384 and HS512 only"}
        return {}

    def _faults_of_url(self) -> dict[str, str]:
        if not self.jwks_url:
            return {}
        fault = fault_of_secure_url(
            self.jwks_url, "whoever changes the keys on their way can make tokens"
        )
        return {"jwks_url": fault} if fault else {}
