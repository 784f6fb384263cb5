"""Idempotency of a channel: find the key of a message, handle the first one with it, give its answer to all that follow."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import msgspec
from hansa import Invalid, Model, Request, Response, dump

from .keys import Keys

SAFE = ("GET", "HEAD", "OPTIONS")
PATIENCE = 10.0


class Answer(msgspec.Struct, omit_defaults=True):
    """A response as it is kept."""

    status: int
    raw: bytes = b""
    content_type: str = ""
    headers: dict[str, Any] = {}
    payload: Any = None


_decode = msgspec.json.Decoder(Answer).decode
_encode = msgspec.json.Encoder(
    enc_hook=lambda value: dump(value, str) if isinstance(value, Model) else str(value)
).encode


def idempotent(keys: Keys, channel: Any, call: Any, parse: Any) -> Any:
    """Wrap a call; `parse` reads the bytes of a message, to find the key in it. Requests by GET, HEAD and OPTIONS pass."""
    config = channel.config.limits
    name, window, crash = config.idempotency, config.idempotency_window, config.idempotency_crash
    patience = min(PATIENCE, config.timeout / 2 or PATIENCE)  # so that 409 comes before 504
    label = f"{channel.type} {channel.name}"

    def once(request: Request) -> Response:
        if request.method in SAFE:
            response: Response = call(request)
            return response
        given = key_of(request, name, parse)
        key = _digest(label.encode(), _who(request).encode(), given.encode())
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
            # this worker stood still for longer than a lease, and another one has handled it: its answer counts

    return once


def _handle(keys: Keys, key: str, token: str, call: Any, request: Request) -> Response:
    try:
        response: Response = call(request)
    except BaseException:
        keys.release(key, token)
        raise
    return response


def key_of(request: Request, name: str, parse: Any) -> str:
    """The key of a message, in a header or a field; raises `Invalid` if it has none."""
    found: Any = request.headers.get(name.lower())
    if not found:
        found = _field(request.params, name) or _field(request.payload, name)
    if not found and request.raw and parse is not None:
        found = _field(parse(request.raw), name)
    if found is None or found == "" or isinstance(found, dict | list):
        raise Invalid({name: "required as an idempotency key, and missing"})
    return str(found)


def _field(data: Any, name: str) -> Any:
    """A field by its dotted path, of plain data or of a document with such attributes."""
    for part in name.split("."):
        data = data.get(part) if hasattr(data, "get") else getattr(data, part, None)
        if data is None:
            return None
    return data


def _who(request: Request) -> str:
    """Who sends it: a key means nothing to anybody else."""
    principal = request.principal
    return str(getattr(principal, "name", None) or principal or "")


def _message(request: Request) -> str:
    """A digest of what was sent, so that a key that was used for something else is noticed."""
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
    """A response as it is kept."""
    payload = None if response.raw else response.payload
    return _encode(
        Answer(
            response.status, response.raw, response.content_type, response.headers, _bytes(payload)
        )
    )


def restored(kept: bytes) -> Response:
    """The response that was kept."""
    answer = _decode(kept)
    response = Response(answer.payload, status=answer.status, content_type=answer.content_type)
    response.raw, response.headers = answer.raw, answer.headers
    return response


def _bytes(payload: Any) -> Any:
    return (
        {"$base64": base64.b64encode(payload).decode()} if isinstance(payload, bytes) else payload
    )
