"""Answers of channels, kept in a cache: the same request gets the same answer until it expires."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any, Final

import msgspec
from hansa import Channel, Dispatch, HansaError, Request, Response, Service, TooLarge, event_loop

from .cache import Cache
from .caches import Caches
from .response_keys import headers_in_key, key_maker
from .response_settings import ResponseCache

PAUSE: Final = 5.0
"""Seconds for which a cache that has failed is done without."""
STATUS: Final = "Cache-Status"
"""The header that says whether an answer was kept (RFC 9211)."""
MISS: Final = "responses; fwd=miss"
NEVER: Final = ("no-store", "no-cache", "private")
"""What a service says in `Cache-Control` of answers that are not to be kept."""


class KeptResponse(msgspec.Struct, omit_defaults=True):
    """A response as it is kept, with the correlation id of the request that it was made for."""

    cid: str
    raw: bytes = b""
    payload: bytes | None = None
    text: str | None = None
    content_type: str = ""
    headers: dict[str, str] = {}


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(KeptResponse).decode


class CachedRoute:
    """The calls of a channel: what was answered with 200 before is answered from the cache.

    A cache that cannot be used costs nobody an answer: the service is called, and the log says why.
    """

    def __init__(
        self, caches: Caches, channel: Channel[Any], service: type[Service], call: Dispatch
    ) -> None:
        self.config: ResponseCache = channel.config.response_cache
        self._caches = caches
        self._call = call
        self._key_of = key_maker(channel, service)
        self._in_key = headers_in_key(self.config)
        self._methods = frozenset(method.upper() for method in self.config.methods)
        self._log = channel.server.log
        self._owner = f"{channel.type} {channel.name}"
        self._paused_until = 0.0

    def answer(self, request: Request) -> Response:
        """Answer a request from the cache, or by the service."""
        if not self._is_told_apart(request) or time.monotonic() < self._paused_until:
            return self._call(request)
        key = self._key_of(request)
        try:
            found = self._cache.entry(key)
        except HansaError as error:
            self._pause(error)
            return self._call(request)
        if found is not None and isinstance(found.value, bytes):
            try:
                return restored(found.value, request.cid, found.expires)
            except msgspec.MsgspecError as error:
                self._log.warning("what is kept for %s is no answer: %s", self._owner, error)
        response = self._call(request)
        may_be = may_be_kept(response, self._in_key)
        is_kept = may_be and self._keep(key, written(response, request.cid))
        response.headers[STATUS] = f"{MISS}; stored" if is_kept else MISS
        return response

    def _is_told_apart(self, request: Request) -> bool:
        """Whether a request is one of those whose answers are kept, and as it came over HTTP."""
        is_as_it_came = request.payload is None and "form" not in request.extra
        return request.method in self._methods and is_as_it_came

    @property
    def _cache(self) -> Cache:
        return self._caches[self.config.cache]

    def _keep(self, key: str, value: bytes) -> bool:
        """Keep an answer; whether that was possible."""
        try:
            self._cache.set(key, value, self.config.expiry or None)
        except TooLarge as error:
            self._log.warning("an answer of %s is not kept: %s", self._owner, error)
            return False
        except HansaError as error:
            self._pause(error)
            return False
        return True

    def _pause(self, error: HansaError) -> None:
        self._paused_until = time.monotonic() + PAUSE
        self._log.warning(
            "%s does without its response_cache %r for %g s: %s",
            self._owner,
            self.config.cache,
            PAUSE,
            error,
        )


# the cache is asked over the network, which would block the event loop
event_loop.kept_off(CachedRoute.answer)


def may_be_kept(response: Response, in_key: Collection[str] = ()) -> bool:
    """Whether an answer may be given to other requests: a 200 that sets no cookie, varies by nothing
    but the headers of the key, and of which the service does not say otherwise.
    """
    if response.status != 200 or not response.ok:
        return False
    if not isinstance(response.payload, bytes | str | None) and not response.raw:
        return False
    headers = {name.lower(): str(value).lower() for name, value in response.headers.items()}
    if "set-cookie" in headers or any(word in headers.get("cache-control", "") for word in NEVER):
        return False
    varies_by = (name.strip() for name in headers.get("vary", "").split(","))
    return all(name in in_key for name in varies_by if name)


def written(response: Response, cid: str) -> bytes:
    """Return a response as it is kept."""
    payload = None if response.raw else response.payload
    is_text = isinstance(payload, str)
    kept = KeptResponse(
        cid,
        response.raw,
        payload=None if is_text else payload,
        text=payload if is_text else None,
        content_type=response.content_type,
        headers={name: str(value) for name, value in response.headers.items()},
    )
    return _encode(kept)


def restored(kept: bytes, cid: str, expires: float | None) -> Response:
    """Return the response that was kept; the correlation id in headers is that of this request."""
    found = _decode(kept)
    payload = found.payload if found.text is None else found.text
    response = Response(payload, content_type=found.content_type)
    response.raw = found.raw
    for name, value in found.headers.items():
        response.headers[name] = cid if value == found.cid else value
    left = "" if expires is None else f"; ttl={max(0, round(expires - time.time()))}"
    response.headers[STATUS] = f"responses; hit{left}"
    return response
