"""The parameters of a request that count in its signature (RFC 5849, section 3.4.1.3.1)."""

from __future__ import annotations

from urllib.parse import quote
from wsgiref.types import WSGIEnvironment

from hansa import Invalid, Request
from hansa_http.charset import charset_of, media_type_of
from hansa_http.forms import FORM
from hansa_http.query import parse_pairs

from .authorization import InvalidCredentials
from .signature import Parameters

LARGEST_FORM = 2**20
"""Maximum size of a form in a signed request, in bytes."""
MOST_PARAMETERS = 1000
"""Maximum parameters of a query string, and of a form."""


def is_form(content_type: str) -> bool:
    """Whether a body of this content type is a form whose fields are signed."""
    return media_type_of(content_type) == FORM


def pairs_of_query(text: str) -> Parameters:
    """Return the parameters of a query string, as services see them; raises `Invalid`."""
    return _pairs(text, "the query string", "utf-8")


def pairs_of_form(body: bytes, content_type: str) -> Parameters:
    """Return the fields of a form, as services see them; raises `Invalid`."""
    if len(body) > LARGEST_FORM:
        raise Invalid(f"the form is larger than {LARGEST_FORM} bytes")
    return _pairs(body.decode("latin-1"), "the form", charset_of(content_type) or "utf-8")


def _pairs(text: str, what: str, charset: str) -> Parameters:
    if text.count("&") >= MOST_PARAMETERS:
        raise Invalid(f"{what} has more than {MOST_PARAMETERS} parameters")
    return list(parse_pairs(text, what, charset))


class ReceivedRequest:
    """A request of a caller, as far as its signature is about it.

    `url` has no query; `address` replaces the scheme, host and port of the request. Raises
    `InvalidCredentials` for what cannot have been signed: it did not come over HTTP, or has
    protocol parameters elsewhere than in its header.
    """

    def __init__(self, request: Request, address: str) -> None:
        environ = request.environ
        if environ is None:
            raise InvalidCredentials("the request did not come over HTTP")
        self.method = request.method
        self.is_encrypted = environ.get("wsgi.url_scheme") == "https"
        self.url = (address or _address_of(environ)) + _path_of(environ)
        self.body = request.raw
        content_type = request.headers.get("content-type", "")
        self.has_form = is_form(content_type)
        try:
            self.parameters = pairs_of_query(environ.get("QUERY_STRING", ""))
            if self.has_form:
                self.parameters += pairs_of_form(request.raw, content_type)
        except Invalid as invalid:
            raise InvalidCredentials(invalid.detail) from None
        if any(name.startswith("oauth_") for name, _ in self.parameters):
            raise InvalidCredentials("protocol parameters are in the query string or in the form")


def _address_of(environ: WSGIEnvironment) -> str:
    host = environ.get("HTTP_HOST", "")
    if not host:
        raise InvalidCredentials("the request names no host")
    return f"{environ.get('wsgi.url_scheme', 'http')}://{host}"


def _path_of(environ: WSGIEnvironment) -> str:
    """Return the path as it was sent, which is what was signed."""
    target: str = environ.get("REQUEST_URI", "")
    path = target.partition("?")[0] or quote(environ.get("PATH_INFO", "/"), encoding="latin-1")
    return path if path.startswith("/") else f"/{path}"
