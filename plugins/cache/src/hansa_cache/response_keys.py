"""Under which key the answer to a request is kept: who and what it depends on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias

import msgspec
from hansa import Channel, Request, Service, dump

from .response_settings import ResponseCache

CUSTOM: Final = "response_key"
"""The class method by which a service says itself what its answer depends on."""
OF_CALLERS: Final = ("authorization", "cookie")
"""Headers by which services know callers themselves."""
OF_ALL: Final = "host"
_STEADY: Final = ("basic", "bearer")
"""Schemes of Authorization with the same value in all requests of a caller; others sign each."""

KeyOf: TypeAlias = Callable[[Request], str]
"""What names the answer to a request."""
_encode = msgspec.json.Encoder(enc_hook=str, order="sorted").encode


def key_maker(channel: Channel[Any], service: type[Service]) -> KeyOf:
    """Return what names the answers of a channel.

    It differs after each edit of the channel and each deployment of its service, so that what was
    kept before is not given any more.
    """
    config: ResponseCache = channel.config.response_cache
    made_by = f"{service.__module__}.{service.__qualname__}"
    about = [channel.type, channel.name, made_by, dump(channel.config, str)]
    prefix = f"{channel.type} {channel.name}:"
    route = _digest([_encode(about)])
    headers = sorted(name.lower() for name in config.headers)
    custom: Callable[[Request], str | None] | None = getattr(service, CUSTOM, None)

    def key_of(request: Request) -> str:
        own = None if custom is None else custom(request)
        parts = [route.encode(), request.method.encode()]
        if config.per_caller:
            parts.append(_caller(request))
        parts += [_bytes(request.headers.get(name, "")) for name in headers]
        parts += [_message(request)] if own is None else [b"own", _bytes(own)]
        return prefix[:200] + _digest(parts)

    return key_of


def headers_in_key(config: ResponseCache) -> frozenset[str]:
    """Return the headers of requests, in lower case, whose values have answers of their own."""
    named = {name.lower() for name in config.headers}
    return frozenset(named | {OF_ALL} | set(OF_CALLERS if config.per_caller else ()))


def _caller(request: Request) -> bytes:
    """Return who calls: all that is known of the principal (the claims of a token, its groups), and
    what a service may know callers by itself.
    """
    principal = request.principal
    # what a principal is made of, whatever its class
    known = "" if principal is None else repr(principal.__reduce_ex__(2))
    authorization, cookie = (request.headers.get(name, "") for name in OF_CALLERS)
    if principal is not None and authorization.partition(" ")[0].lower() not in _STEADY:
        authorization = ""
    return _digest([_bytes(known), _bytes(authorization), _bytes(cookie)]).encode()


def _message(request: Request) -> bytes:
    """Return what an answer depends on of a message, where nothing else is said."""
    query = request.extra.get("query", {})
    values = [repr(sorted(part.items())) for part in (request.params, query)]
    host = (request.environ or {}).get("HTTP_HOST", "")
    read_as = request.headers.get("content-type", "") if request.raw else ""
    texts = [request.path, *values, host, read_as]
    return _digest([*map(_bytes, texts), request.raw]).encode()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _digest(parts: Iterable[bytes]) -> str:
    made = hashlib.sha256()
    for part in parts:
        made.update(len(part).to_bytes(8, "big") + part)
    return made.hexdigest()
