"""URLs as they go into a signature (Signature Version 4, canonical requests).

A server makes the canonical form from what it has decoded, so that it is the same whichever way
the URL was written: a space as `+` or `%20`, a character that needs no encoding with or without it.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, quote, unquote_to_bytes, urlencode, urlsplit, urlunsplit

_AS_IT_IS = "%!*'();:@&=+$,/?#[]-._~"
"""What may stand in a URL: reserved and unreserved characters (RFC 3986), and what is encoded."""
_UNRESERVED = "-._~"


def canonical_url(url: str, *, encoded_once: bool) -> str:
    """Return a URL whose path and query are written as the signer of botocore expects them.

    `encoded_once` is for S3, whose canonical path is that of the object: all other services encode
    the path that was sent again.
    """
    parts = urlsplit(quote(url, safe=_AS_IT_IS))
    path = parts.path or "/"
    if encoded_once:
        path = quote(unquote_to_bytes(path), safe=f"/{_UNRESERVED}")
    # as bytes, whatever their encoding is
    pairs = parse_qsl(parts.query, keep_blank_values=True, encoding="latin-1")
    query = urlencode(pairs, quote_via=quote, safe=_UNRESERVED, encoding="latin-1")
    return urlunsplit((parts.scheme, parts.netloc, path, query, ""))
