"""Redirects of outgoing calls: which are followed, and where they lead."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote_plus, urldefrag, urljoin, urlsplit

STATUSES = (301, 302, 303, 307, 308)
MOST_REDIRECTS = 5
"""Maximum redirects that are followed in one call."""


@dataclass(frozen=True, slots=True)
class Redirect:
    """Where an answer redirects to; `fault` says why it is not followed, empty if it is."""

    url: str
    fault: str = ""


def redirect_of(method: str, url: str, status: int, location: str) -> Redirect | None:
    """Return the redirect in an answer to a call of a URL; None if it is none.

    Only those to the same server are followed, and with the method that is meant (RFC 9110, 15.4):
    301 and 302 of other methods than GET and HEAD are not, nor is one without a Location.
    """
    if status not in STATUSES:
        return None
    if not location:
        return Redirect("", f"was redirected (status {status}) without a Location")
    try:
        target = urldefrag(urljoin(url, location)).url
        same = urlsplit(target)[:2] == urlsplit(url)[:2]
    except ValueError:
        return Redirect("", f"was redirected (status {status}) to what is no URL")
    if not same:
        return Redirect("", f"was redirected (status {status}) to another server")
    if status in (301, 302) and method not in ("GET", "HEAD"):
        return Redirect("", f"was redirected (status {status}), which is followed for GET only")
    return Redirect(target)


def without_query(url: str) -> str:
    """Return a URL as it may be logged."""
    return url.partition("?")[0]


def without_parameters(url: str, names: set[str]) -> str:
    """Return a URL whose query has none of the parameters with these names."""
    start, mark, query = url.partition("?")
    if not mark or not names:
        return url
    kept = [part for part in query.split("&") if unquote_plus(part.partition("=")[0]) not in names]
    return f"{start}?{'&'.join(kept)}" if kept else start


def with_query(url: str, query: str) -> str:
    """Return a URL with more in its query."""
    if not query:
        return url
    return url + ("&" if "?" in url else "?") + query
