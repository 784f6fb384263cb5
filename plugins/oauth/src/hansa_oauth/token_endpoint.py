"""Asks the token endpoint of an issuer for an access token (RFC 6749, sections 4.4 and 6)."""

from __future__ import annotations

import base64
import re
from time import time
from urllib.parse import quote, urlencode

import msgspec
from hansa import HansaError, Objects, Unavailable
from hansa_connect.tls import authorities_of
from hansa_http.forms import FORM
from hansa_http.one_call import call_once
from hansa_http.response import BadAnswer

from .access_token import AccessToken, read_token
from .client_assertion import ASSERTION_TYPE, ClientAssertion
from .oauth2_settings import OAuth2Settings

LARGEST_ANSWER = 256 * 1024
"""Maximum size of an answer of the token endpoint, in bytes."""
_LONGEST_DESCRIPTION = 200

_is_error_code = re.compile(r"[A-Za-z0-9_.:/-]{1,100}").fullmatch


class _Error(msgspec.Struct):
    error: str
    error_description: str = ""


class TokenEndpoint:
    """The token endpoint of an issuer, as the settings of a definition name it; `label` is what
    errors call the definition.
    """

    def __init__(self, label: str, settings: OAuth2Settings, objects: Objects) -> None:
        self._label = label
        self._objects = objects
        self._settings = settings
        self._assertion = None
        if settings.private_key is not None:
            self._assertion = ClientAssertion(settings)

    def fetch(self, refresh_token: str) -> AccessToken:
        """Return a new access token, for this refresh token or the client itself.

        Raises `BadAnswer` if the issuer refuses, or answers what cannot be used, `TimedOut`, and
        `Unavailable`. Their texts name neither URLs nor secrets; reasons are for the log.
        """
        settings = self._settings
        began = time()
        status, answer = self._call(refresh_token)
        if status != 200:
            raise self._refusal(status, answer, refresh_token)
        try:
            return read_token(
                answer,
                now=began,
                default_lifetime=settings.default_lifetime,
                refresh_token=refresh_token,
            )
        except ValueError as error:
            raise BadAnswer(f"{self._label}: the answer of the token endpoint {error}") from None

    def _call(self, refresh_token: str) -> tuple[int, bytes]:
        settings = self._settings
        headers = {"Accept": "application/json", "Content-Type": FORM}
        fields = self._fields(refresh_token)
        if settings.client_authentication == "client_secret_basic":
            headers["Authorization"] = _basic(settings.client_id, str(settings.client_secret))
        else:
            fields += self._client_fields()
        status, _, answer = call_once(
            self._label,
            "POST",
            settings.token_url,
            headers=headers,
            content=urlencode(fields).encode(),
            timeout=settings.timeout,
            largest=LARGEST_ANSWER,
            ca=authorities_of(settings.tls_ca, self._objects),
            proxy=settings.proxy,
        )
        return status, answer

    def _fields(self, refresh_token: str) -> list[tuple[str, str]]:
        """Return the fields of the form, without those that prove the client."""
        settings = self._settings
        fields: list[tuple[str, str]] = [("grant_type", settings.grant)]
        if settings.grant == "refresh_token":
            fields.append(("refresh_token", refresh_token))
        if settings.scope:
            fields.append(("scope", settings.scope))
        if settings.audience:
            fields.append(("audience", settings.audience))
        fields += [("resource", resource) for resource in settings.resource]
        fields += settings.parameters.items()
        return fields

    def _client_fields(self) -> list[tuple[str, str]]:
        """Return the fields that name the client, and prove it if they do."""
        settings = self._settings
        fields = [("client_id", settings.client_id)]
        if self._assertion is not None:
            fields.append(("client_assertion_type", ASSERTION_TYPE))
            fields.append(("client_assertion", self._assertion.make()))
        elif settings.client_secret is not None:
            fields.append(("client_secret", str(settings.client_secret)))
        return fields

    def _refusal(self, status: int, answer: bytes, refresh_token: str) -> HansaError:
        """Return the error of an answer that is no token (RFC 6749, section 5.2)."""
        try:
            found = msgspec.json.decode(answer, type=_Error)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            found = _Error("")
        if not _is_error_code(found.error):
            text = f"{self._label}: the token endpoint answered with status {status}"
            return Unavailable(text) if status >= 500 or status == 429 else BadAnswer(text)
        refusal = BadAnswer(
            f"{self._label}: the token endpoint refused with {found.error} (status {status})"
        )
        refusal.reason = self._shown(found.error_description, refresh_token)
        return refusal

    def _shown(self, description: str, refresh_token: str) -> str:
        """Return what an issuer says of an error as it may be logged."""
        shown = "".join(letter for letter in description if letter.isprintable())
        for secret in (str(self._settings.client_secret or ""), refresh_token):
            if secret:
                shown = shown.replace(secret, "***")
        return shown[:_LONGEST_DESCRIPTION]


def _basic(client_id: str, secret: str) -> str:
    """Return the Authorization header of a client (RFC 6749, section 2.3.1)."""
    pair = f"{quote(client_id, safe='')}:{quote(secret, safe='')}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"
