"""Security type `aws`: signs outgoing calls by AWS Signature Version 4."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from hansa import Login, Misused, OutgoingRequest, Security

from .canonical import canonical_url
from .settings import AwsSettings

if TYPE_CHECKING:
    from botocore.auth import SigV4Auth

_OF_S3 = frozenset(("s3", "s3-object-lambda", "s3-outposts"))
"""The services whose paths are encoded once in signatures."""
_WITH_DIGEST = _OF_S3 | {"aoss"}
"""The services that ask for the digest of the body in a header."""
_DIGEST = "X-Amz-Content-SHA256"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A key as the signer of botocore reads it."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(repr=False)


class Aws(Security[AwsSettings]):
    """Signs outgoing calls to one service in one region; the body is signed, too."""

    type = "aws"

    def start(self) -> None:
        """Load the signer, which takes longer than a call should."""
        _ = self._signer

    @cached_property
    def _signer(self) -> SigV4Auth:
        # PERF: 80 ms and 12 MB, which workers without such a definition save
        with self.importing:
            from botocore.auth import S3SigV4Auth, SigV4Auth

        config = self.config
        token = config.session_token
        credentials = Credentials(
            config.access_key_id,
            str(config.secret_access_key),
            None if token is None else str(token),
        )
        signer = S3SigV4Auth if config.service in _OF_S3 else SigV4Auth
        return signer(credentials, config.service, config.region)

    def sign_request(self, request: OutgoingRequest) -> None:
        """Sign method, URL, headers and body as they are sent (Authorization, X-Amz-Date)."""
        from botocore.awsrequest import AWSRequest

        service = self.config.service
        url = canonical_url(request.url, encoded_once=service in _OF_S3)
        signed = AWSRequest(request.method, url, request.headers, request.body)
        if service in _WITH_DIGEST:
            del signed.headers[_DIGEST]
            signed.headers[_DIGEST] = hashlib.sha256(request.body).hexdigest()
        self._signer.add_auth(signed)
        request.headers.clear()
        request.headers.update(signed.headers.items())

    def sign(self, headers: dict[str, str]) -> None:
        """Refuse to sign headers alone."""
        raise Misused(f"the security definition {self.name} signs whole requests of HTTP")

    def login(self) -> Login:
        """Supply the key to connections that sign by themselves: its identifier as the user name, the
        secret as the password, and the session token.
        """
        config = self.config
        return Login(
            username=config.access_key_id,
            password=config.secret_access_key,
            token=config.session_token,
        )
