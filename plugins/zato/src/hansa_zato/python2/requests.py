"""`urllib2`: requests whose data may be text, which is sent in UTF-8."""

from __future__ import annotations

import urllib.request
from urllib.error import HTTPError, URLError
from urllib.parse import quote, unquote, urlencode, urlparse
from urllib.request import (
    AbstractHTTPHandler,
    BaseHandler,
    HTTPBasicAuthHandler,
    HTTPCookieProcessor,
    HTTPDefaultErrorHandler,
    HTTPDigestAuthHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPPasswordMgr,
    HTTPPasswordMgrWithDefaultRealm,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyBasicAuthHandler,
    ProxyHandler,
    install_opener,
)

from ..payloads import Value

__all__ = [
    "AbstractHTTPHandler",
    "BaseHandler",
    "HTTPBasicAuthHandler",
    "HTTPCookieProcessor",
    "HTTPDefaultErrorHandler",
    "HTTPDigestAuthHandler",
    "HTTPError",
    "HTTPErrorProcessor",
    "HTTPHandler",
    "HTTPPasswordMgr",
    "HTTPPasswordMgrWithDefaultRealm",
    "HTTPRedirectHandler",
    "HTTPSHandler",
    "OpenerDirector",
    "ProxyBasicAuthHandler",
    "ProxyHandler",
    "Request",
    "URLError",
    "build_opener",
    "install_opener",
    "quote",
    "unquote",
    "urlencode",
    "urlopen",
    "urlparse",
]


class Request(urllib.request.Request):
    """A request."""

    def __init__(self, url: str, data: Value = None, *args: Value, **options: Value) -> None:
        super().__init__(url, _bytes(data), *args, **options)

    def add_data(self, data: Value) -> None:
        """Have the request carry data."""
        self.data = _bytes(data)

    def get_data(self) -> Value:
        """Return the data."""
        return self.data


def urlopen(url: Value, data: Value = None, *args: Value, **options: Value) -> Value:
    """Return the open response to a request, or to what is at a URL."""
    return urllib.request.urlopen(url, _bytes(data), *args, **options)


def build_opener(*handlers: Value) -> OpenerDirector:
    """Return an opener with these handlers, and the usual ones."""
    opener = urllib.request.build_opener(*handlers)
    opening = opener.open

    def open(url: Value, data: Value = None, *args: Value, **options: Value) -> Value:
        return opening(url, _bytes(data), *args, **options)

    opener.open = open  # type: ignore[assignment] # of this one opener
    return opener


def _bytes(data: Value) -> Value:
    return data.encode() if isinstance(data, str) else data
