"""Compression of responses, as their callers accept it (RFC 9110, section 12.5.3)."""

from __future__ import annotations

import re
from functools import lru_cache
from wsgiref.types import WSGIEnvironment

from hansa import Response

from .coding import encode
from .errors import NotAcceptable
from .vary import add_vary

_PREFERRED = ("zstd", "br", "gzip")
"""Codings of responses; of those that a caller accepts equally, the first is taken."""
_is_compressible = re.compile(
    r"text/(?!event-stream).*|.*[/+](?:json|xml|yaml)|application/(?:x-ndjson|javascript|soap\+xml)"
).fullmatch
_weight = re.compile(r"q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)", re.I).fullmatch


def compress(response: Response, environ: WSGIEnvironment, over: int) -> None:
    """Compress the body of a response with more than `over` bytes, if its caller accepts that.

    Left alone are media types that do not get smaller, unless the caller accepts nothing else,
    parts of a whole, what is encoded already, and what must not be transformed. A strong ETag
    becomes a weak one.
    """
    body = response.raw
    if not isinstance(body, bytes) or not body:
        return
    accepted = environ.get("HTTP_ACCEPT_ENCODING", "")
    must_be = refuses_identity(accepted)
    # PERF: most answers are short, and are not looked at any further, which takes 2 us
    if not must_be and len(body) <= over:
        return
    if not _may_be(response):
        return
    if not must_be and not _is_worth_it(response):
        return
    add_vary(response, "Accept-Encoding")
    coding = choose(accepted)
    if not coding:
        return
    response.raw = encode(body, coding)
    response.headers["Content-Encoding"] = coding
    for name, value in list(response.headers.items()):
        if name.lower() == "etag" and value.startswith('"'):
            response.headers[name] = f"W/{value}"


def _may_be(response: Response) -> bool:
    """Whether the body of a response may be encoded."""
    headers = {str(name).lower(): value for name, value in response.headers.items()}
    if "content-encoding" in headers or "content-range" in headers:
        return False
    return "no-transform" not in str(headers.get("cache-control", "")).lower()


def _is_worth_it(response: Response) -> bool:
    """Whether the body of a response gets smaller when it is compressed."""
    media_type = response.content_type.partition(";")[0].strip().lower()
    return not media_type or _is_compressible(media_type) is not None


@lru_cache(maxsize=256)
def choose(accepted: str) -> str:
    """Return the coding that an Accept-Encoding header prefers; an empty text for none."""
    weights = _weights(accepted)
    others = weights.get("*", 0.0)
    best = max(_PREFERRED, key=lambda coding: weights.get(coding, others))
    return best if weights.get(best, others) > 0 else ""


@lru_cache(maxsize=256)
def refuses_identity(accepted: str) -> bool:
    """Return whether an Accept-Encoding header excludes bodies without a coding."""
    if "0" not in accepted:
        return False
    weights = _weights(accepted)
    return weights.get("identity", weights.get("*", 1.0)) == 0.0


def check_acceptable(environ: WSGIEnvironment, compresses: bool) -> None:
    """Raise `NotAcceptable` for a request that accepts no coding in which it may be answered."""
    accepted = environ.get("HTTP_ACCEPT_ENCODING")
    if accepted and refuses_identity(accepted) and not (compresses and choose(accepted)):
        offered = ", ".join(_PREFERRED) if compresses else "identity"
        raise NotAcceptable(f"Accept-Encoding excludes all codings of answers: {offered}")


def _weights(accepted: str) -> dict[str, float]:
    """Return the quality values of an Accept-Encoding header by coding."""
    weights: dict[str, float] = {}
    for part in accepted.split(","):
        name, _, parameter = part.partition(";")
        weights[name.strip().lower()] = _weight_of(parameter.strip())
    return weights


def _weight_of(parameter: str) -> float:
    """Return a quality value; what is malformed counts as not accepted."""
    if not parameter:
        return 1.0
    found = _weight(parameter)
    return float(found[1]) if found else 0.0
