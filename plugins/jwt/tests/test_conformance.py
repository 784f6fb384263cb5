"""The type holds the contract of security types, with each kind of key."""

from __future__ import annotations

from typing import Any, ClassVar

from hansa_devkit import SecurityContract
from hansa_jwt.security import Jwt

from plugins.jwt.tests.issuer import (
    AUDIENCE,
    EC,
    ISSUER,
    OTHER_RSA,
    RSA,
    SECRET,
    KeySetServer,
    jwk,
    private_pem,
    public_pem,
    token,
)

WRONG = [
    {"authorization": f"Bearer {token(OTHER_RSA)}"},
    {"authorization": f"Bearer {token(SECRET + 'x', 'HS256')}"},
    {"authorization": f"Bearer {token(exp=1)}"},
    {"authorization": "Basic YWxpY2U6czNjcmV0"},
    {"x-token": token()},
]


class TestSecret(SecurityContract):
    cls = Jwt
    good: Any = {
        "issuer": ISSUER,
        "audience": [AUDIENCE],
        "algorithms": ["HS256"],
        "secrets": ["another secret of more than 32 characters", SECRET],
    }
    right = {"authorization": f"Bearer {token(SECRET, 'HS256')}"}
    wrong = WRONG
    signing = {"signing_key": SECRET}


class TestPublicKey(SecurityContract):
    cls = Jwt
    good: Any = {
        "issuer": ISSUER,
        "audience": [AUDIENCE, "other"],
        "algorithms": ["ES256", "RS256"],
        "public_keys": [public_pem(RSA), public_pem(EC["ES256"])],
    }
    right = {"authorization": f"Bearer {token()}"}
    wrong = WRONG
    signing = {"signing_key": private_pem(EC["ES256"]), "signing_key_id": "2026"}


class TestKeySet(SecurityContract):
    issuer: ClassVar[KeySetServer]
    cls = Jwt
    good: Any = {"issuer": ISSUER, "audience": [AUDIENCE], "algorithms": ["RS256"]}
    right = {"authorization": f"Bearer {token(headers={'kid': 'one'})}"}
    wrong = WRONG

    @classmethod
    def setup_class(cls) -> None:
        cls.issuer = KeySetServer(jwk(RSA, kid="one"))

    @classmethod
    def teardown_class(cls) -> None:
        cls.issuer.stop()

    def settings(self) -> dict[str, Any]:
        return {**self.good, "jwks_url": self.issuer.url}
