"""What stands before every request: where it comes from, and what every answer says to browsers."""

from __future__ import annotations

import hmac

import falcon

from .sessions import EndedSession, Session

TOKEN_FIELD = "form_token"
"""The field of each form that proves that this web admin has made it."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    # with `no-referrer` browsers send `Origin: null` with the web admin's own forms, too
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Headers of every answer (OWASP ASVS 5.0, 3.4)."""


class SecurityHeaders:
    """Adds the headers to each answer, whatever it is; `no-store` unless it may be kept.

    With `hsts` browsers use nothing but HTTPS for this host, all ports of it, for that many seconds
    (RFC 6797).
    """

    def __init__(self, hsts: int) -> None:
        transport = {"Strict-Transport-Security": f"max-age={hsts}"} if hsts else {}
        self._headers = {**HEADERS, **transport}

    def process_response(
        self, req: falcon.Request, resp: falcon.Response, resource: object, req_succeeded: bool
    ) -> None:
        """Add them; what the API has answered is passed on with its own as well."""
        kept = HEADERS if resp.context.get("is_relayed") else ("Cache-Control",)
        for name, value in self._headers.items():
            if name not in kept or not resp.get_header(name):
                resp.set_header(name, value)


def is_foreign(request: falcon.Request) -> bool:
    """Whether a page of another origin has made the browser send a request.

    Another port of the host is a stranger, too. Browsers say so by `Sec-Fetch-Site` and `Origin`
    (Fetch, 3.1 and 3.2); programs send neither, and have no cookie that a browser would add.
    """
    if request.get_header("Sec-Fetch-Site") not in (None, "same-origin", "none"):
        return True
    origin = request.get_header("Origin")
    host = (request.get_header("Host") or "").lower()
    return origin is not None and origin.lower().partition("://")[2] != host


def has_token(session: Session | EndedSession, given: str) -> bool:
    """Whether a form proves that a page of this session has made it."""
    return hmac.compare_digest(session.form_token.encode(), given.encode())
