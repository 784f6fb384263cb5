"""Idempotency of a channel: find the key of a message, handle the first one with it, give its
answer to all that follow.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import Any

import msgspec
from hansa import Channel, Dispatch, Invalid, Model, Request, Response, dump

from .callers import name_of
from .keys import Keys
from .settings import Limits

SAFE = ("GET", "HEAD", "OPTIONS")
PATIENCE = 10.0
"""Maximum seconds that a message waits for the answer to the first one with its key."""

Parse = Callable[[bytes], object]
"""What reads the bytes of a message as plain data."""


class Answer(msgspec.Struct, omit_defaults=True):
    """A response as it is kept."""

    status: int
    raw: bytes = b""
    content_type: str = ""
    headers: dict[str, Any] = {}
    payload: Any = None


def _as_plain(value: object) -> object:
    return dump(value, str) if isinstance(value, Model) else str(value)


_decode = msgspec.json.Decoder(Answer).decode
_encode = msgspec.json.Encoder(enc_hook=_as_plain).encode


def idempotent(
    keys: Keys, channel: Channel, limits: Limits, call: Dispatch, parse: Parse | None
) -> Dispatch:
    """Wrap a call; `parse` reads the bytes of a message, to find the key in it. Requests by GET,
    HEAD and OPTIONS pass.
    """
    name = limits.idempotency
    window = limits.idempotency_window
    crash = limits.idempotency_crash
    # so that 409 comes before 504
    patience = min(PATIENCE, limits.timeout / 2) if limits.timeout else PATIENCE
    label = f"{channel.type} {channel.name}".encode()

    def once(request: Request) -> Response:
        if request.method in SAFE:
            return call(request)
        given = key_of(request, name, parse)
        # a key means nothing to anybody else
        key = _digest(label, name_of(request).encode(), given.encode())
        while True:
            token, kept = keys.begin(key, window, _message(request), crash, patience)
            if not token:
                return restored(kept)
            response = _handle(keys, key, token, call, request)
            if response.status >= 500 or not response.ok:
                keys.release(key, token)
                return response
            if keys.commit(key, token, window, written(response)):
                return response
            # this worker stood still for longer than a lease, and another one has handled it:
            # its answer counts

    return once


def _handle(keys: Keys, key: str, token: str, call: Dispatch, request: Request) -> Response:
    try:
        return call(request)
    except BaseException:
        keys.release(key, token)
        raise


def key_of(request: Request, name: str, parse: Parse | None) -> str:
    """Return the key of a message, in a header or a field; raises `Invalid` if it has none."""
    found: object = request.headers.get(name.lower())
    if not found:
        found = _field(request.params, name) or _field(request.payload, name)
    if not found and request.raw and parse is not None:
        found = _field(parse(request.raw), name)
    if found is None or found == "" or isinstance(found, dict | list):
        raise Invalid({name: "required as an idempotency key, and missing"})
    return str(found)


def _field(data: object, name: str) -> object:
    """Return a field by its dotted path, of plain data or of a document with such attributes; None
    if it is not there.
    """
    for part in name.split("."):
        get = getattr(data, "get", None)
        data = get(part) if get is not None else getattr(data, part, None)
        if data is None:
            return None
    return data


def _message(request: Request) -> str:
    """Return a digest of what was sent, so that a key that was used for something else is noticed."""
    payload = b"" if request.payload is None else _encode(request.payload)
    return _digest(
        request.method.encode(),
        request.path.encode(),
        _encode(dict(request.params)),
        request.raw,
        payload,
    )


def _digest(*parts: bytes) -> str:
    made = hashlib.sha256()
    for part in parts:
        made.update(len(part).to_bytes(8, "big") + part)
    return made.hexdigest()


def written(response: Response) -> bytes:
    """Return a response as it is kept."""
    payload = None if response.raw else response.payload
    if isinstance(payload, bytes):
        payload = {"$base64": base64.b64encode(payload).decode()}
    return _encode(
        Answer(response.status, response.raw, response.content_type, response.headers, payload)
    )


def restored(kept: bytes) -> Response:
    """Return the response that was kept."""
    answer = _decode(kept)
    response = Response(answer.payload, status=answer.status, content_type=answer.content_type)
    response.raw = answer.raw
    response.headers = answer.headers
    return response
