"""Access tokens, as issuers return them (RFC 6749, section 5.1) and as workers share them."""

from __future__ import annotations

import re

import msgspec

_is_token = re.compile(r"[!-~]+").fullmatch
_LONGEST_LIFETIME = 10 * 365 * 86400


class AccessToken(msgspec.Struct, frozen=True, kw_only=True):
    """An access token with its times, as `time.time()`, and the refresh token that is valid beside
    it; empty if there is none.
    """

    value: str
    obtained_at: float
    expires_at: float
    refresh_token: str = ""

    def is_valid(self, now: float) -> bool:
        """Whether it may be sent."""
        return now < self.expires_at

    def is_due(self, now: float, before: float) -> bool:
        """Whether it is to be renewed, this many seconds before its end or half of its lifetime."""
        lifetime = self.expires_at - self.obtained_at
        return now >= self.expires_at - min(before, lifetime / 2)


class _Answer(msgspec.Struct):
    access_token: str
    token_type: str
    expires_in: float | str | None = None
    refresh_token: str | None = None


def read_token(
    answer: bytes, *, now: float, default_lifetime: float, refresh_token: str
) -> AccessToken:
    """Return the token in an answer of a token endpoint; raises ValueError for what is none.

    `now` is when it was asked for. An issuer that does not replace the `refresh_token` leaves it
    valid (RFC 6749, section 6).
    """
    try:
        found = msgspec.json.decode(answer, type=_Answer)
        lifetime = default_lifetime if found.expires_in is None else float(found.expires_in)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise ValueError("is no token response (RFC 6749, section 5.1)") from None
    if found.token_type.lower() != "bearer":
        raise ValueError("has a token of another type than Bearer (RFC 6750)")
    if not _is_token(found.access_token):
        raise ValueError("has a token that a header cannot carry")
    if not 0 < lifetime <= _LONGEST_LIFETIME:
        raise ValueError("has a token that is not valid for any time, or for ever")
    return AccessToken(
        value=found.access_token,
        obtained_at=now,
        expires_at=now + lifetime,
        refresh_token=found.refresh_token or refresh_token,
    )
