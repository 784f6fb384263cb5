"""Signs outgoing requests (RFC 5849, section 3.1)."""

from __future__ import annotations

import secrets
from time import time

import httpx2
from authlib.oauth1.rfc5849.parameters import prepare_headers
from hansa import Misused, OutgoingRequest
from hansa_http.content import header_of

from .oauth1_settings import OAuth1Settings
from .signature import PLAINTEXT, Parameters, base_string, body_hash, sign
from .signed_request import is_form, pairs_of_form, pairs_of_query


class RequestSigner:
    """Signs requests by the settings of the definition `name`."""

    def __init__(self, name: str, settings: OAuth1Settings) -> None:
        self._label = f"the security definition {name}"
        self._settings = settings
        self._method = settings.signature_methods[0]

    def sign(self, request: OutgoingRequest) -> None:
        """Set the Authorization header of a request; raises `Misused` for one that cannot be
        signed.
        """
        url = httpx2.URL(request.url)  # as it will be sent
        if self._method == PLAINTEXT and url.scheme != "https":
            raise Misused(f"{self._label} signs by PLAINTEXT over TLS only")
        parameters = self._protocol_parameters()
        has_form = is_form(header_of(request.headers, "Content-Type"))
        if not has_form:
            parameters += self._body_hash(request.body)
        signed = parameters + pairs_of_query(url.query.decode("latin-1"))
        if has_form:
            signed += self._form(request)
        text = base_string(request.method, str(url), signed)
        signature = sign(self._method, text, self._settings.secrets)
        parameters.append(("oauth_signature", signature))
        headers = prepare_headers(parameters, realm=self._settings.realm)
        request.headers["Authorization"] = headers["Authorization"]

    def _protocol_parameters(self) -> Parameters:
        parameters = [
            ("oauth_consumer_key", self._settings.consumer_key),
            ("oauth_signature_method", self._method),
            ("oauth_timestamp", str(int(time()))),
            ("oauth_nonce", secrets.token_hex(16)),
            ("oauth_version", "1.0"),
        ]
        if self._settings.token:
            parameters.append(("oauth_token", str(self._settings.token)))
        return parameters

    def _body_hash(self, body: bytes) -> Parameters:
        if not body or not self._settings.body_hash or self._method == PLAINTEXT:
            return []
        return [("oauth_body_hash", body_hash(self._method, body))]

    def _form(self, request: OutgoingRequest) -> Parameters:
        if header_of(request.headers, "Content-Encoding"):
            raise Misused(f"{self._label} cannot sign compressed forms")
        return pairs_of_form(request.body, header_of(request.headers, "Content-Type"))
