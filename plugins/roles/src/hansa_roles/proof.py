"""The proof of the password that final acts need, of callers who logged in a while ago (OWASP ASVS 5,
7.5.1 and 7.5.3).

Who presents a password, a key or a certificate with each call proves who it is by that; a session
proves it by its login alone.
"""

from __future__ import annotations

from hansa import Refused

from .session import SessionPrincipal
from .sessions import Sessions

WRONG_PASSWORD = "the password is wrong"
DETAIL = (
    "this is final, and the password was given too long ago: call admin.session.confirm with it, "
    "then call again with the token that is returned"
)


class PasswordRequired(Refused):
    """A session has to be confirmed with the password of its user (RFC 9470)."""

    code = "password-required"
    title = "Password required"

    def __init__(self, max_age: float) -> None:
        super().__init__(
            DETAIL,
            'Bearer realm="Hansa admin", error="insufficient_user_authentication", '
            f'error_description="the password is required again", max_age="{max_age:.0f}"',
        )


class WrongPassword(Refused):
    """The password by which a session was to be confirmed is not that of its user."""

    code = "wrong-password"
    title = "Wrong password"


def has_proved(sessions: Sessions, principal: object) -> bool:
    """Whether a caller proved who it is with this call, or lately."""
    return not isinstance(principal, SessionPrincipal) or sessions.is_confirmed(principal.session)
