"""A consumer of OAuth 1.0: requests signed by oauthlib, as channels get them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from hansa import Request, load
from hansa_devkit import LocalServer
from hansa_oauth.oauth1 import OAuth1
from hansa_oauth.oauth1_settings import OAuth1Settings
from hansa_security.throttle import Throttle
from oauthlib.oauth1 import Client

KEY = "partner & co"
SECRET = "consumer secret: é/+%&"
URL = "http://api.example.com/orders"
FORM = "application/x-www-form-urlencoded"


def make(server: LocalServer | None = None, name: str = "partner", **settings: Any) -> OAuth1:
    given = {"consumer_key": KEY, "consumer_secret": SECRET, **settings}
    config = OAuth1.prepare(load(OAuth1Settings, given))
    return OAuth1(name, config, server or LocalServer(resources=[Throttle()]))


def client(**changes: Any) -> Client:
    """A client of oauthlib."""
    options = {"client_secret": SECRET, "signature_method": "HMAC-SHA256", **changes}
    return Client(options.pop("client_key", KEY), **options)


def header(
    url: str = URL,
    method: Any = "GET",
    body: str | None = None,
    content_type: str = "",
    **changes: Any,
) -> str:
    """The Authorization header of a request, new each time."""
    headers = {"Content-Type": content_type} if content_type else {}
    _, signed, _ = client(**changes).sign(url, method, body, headers)
    return str(signed["Authorization"])


def request(
    authorization: str,
    url: str = URL,
    method: str = "GET",
    body: bytes = b"",
    content_type: str = "",
    peer: str = "192.0.2.7",
) -> Request:
    """A request as the channel http makes it."""
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    headers = {"authorization": authorization, "content-type": content_type}
    environ = {
        "wsgi.url_scheme": parts.scheme,
        "HTTP_HOST": parts.netloc,
        "REQUEST_URI": target,
        "PATH_INFO": unquote(parts.path, "latin-1"),
        "QUERY_STRING": parts.query,
    }
    return Request(
        body,
        headers={name: value for name, value in headers.items() if value},
        method=method,
        peer=peer,
        environ=environ,
    )


class Fresh(Mapping[str, str]):
    """The headers of a right request, signed anew each time they are read."""

    def __getitem__(self, name: str) -> str:
        if name != "authorization":
            raise KeyError(name)
        return header("http://127.0.0.1/", "POST")

    def __iter__(self) -> Iterator[str]:
        return iter(["authorization"])

    def __len__(self) -> int:
        return 1
