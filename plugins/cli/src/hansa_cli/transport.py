"""One exchange over HTTP."""

from __future__ import annotations

import functools
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage
from typing import IO
from urllib.parse import urlsplit

from .location import Trust

TIMEOUT = 120.0
"""Seconds to wait for a server to go on."""

_LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")


class NoAnswer(Exception):
    """Nobody answered; the text is the reason. `is_sent` says that the request had been sent, and
    may have been carried out.
    """

    def __init__(self, reason: str, *, is_sent: bool) -> None:
        super().__init__(reason)
        self.is_sent = is_sent


@dataclass(frozen=True)
class Reply:
    """The status and the body of an answer."""

    status: int
    body: bytes


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the password goes only where it was meant to go."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> None:
        return None


@functools.cache
def _opener(local: bool, trust: Trust | None) -> urllib.request.OpenerDirector:
    handlers: list[urllib.request.BaseHandler] = [_NoRedirect()]
    if trust is not None:
        from .certificates import tls_context

        handlers.append(urllib.request.HTTPSHandler(context=tls_context(trust)))
    if local:  # not through a proxy
        handlers.append(urllib.request.ProxyHandler({}))
    return urllib.request.build_opener(*handlers)


def exchange(url: str, body: bytes | None, headers: dict[str, str], trust: Trust) -> Reply:
    """Send a POST with a body, or else a GET, and return the answer, whatever its status.

    Raises `NoAnswer`.
    """
    request = urllib.request.Request(url, data=body, headers=headers)
    parts = urlsplit(url)
    try:
        is_local = parts.hostname in _LOCAL_HOSTS
        opener = _opener(is_local, trust if parts.scheme == "https" else None)
        with opener.open(request, timeout=TIMEOUT) as response:
            return Reply(response.status, response.read())
    except urllib.error.HTTPError as error:
        with error:
            return Reply(error.code, error.read())
    except urllib.error.URLError as error:  # while it was sent
        is_sent = isinstance(error.reason, ConnectionResetError | BrokenPipeError)
        raise NoAnswer(str(error.reason), is_sent=is_sent) from None
    except (OSError, HTTPException) as error:  # while the answer was waited for
        raise NoAnswer(str(error), is_sent=True) from None
