"""One exchange with an HTTP server over httpx2: a request, its answer read up to a limit, and
failures as errors of Hansa.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpcore2
import httpx2
from hansa import HansaError, Invalid, TimedOut, Unavailable

from .response import BadAnswer
from .retry import Broken, NotSent
from .transport import DeadlineTransport, remaining

_NOT_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpcore2.ConnectError,
    httpcore2.ConnectTimeout,
)


class Exchange:
    """Sends requests over a pool of at most `size` connections, and reads answers of at most
    `largest` bytes.

    `label` is what errors call the connection. Usable from many threads at once.
    """

    def __init__(self, label: str, context: ssl.SSLContext, size: int, largest: int) -> None:
        self.label = label
        self.size = size
        self.largest = largest
        self._client = httpx2.Client(
            transport=DeadlineTransport(context, size),
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            trust_env=False,
            follow_redirects=False,
            headers={"User-Agent": "Hansa"},
        )

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def send(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes, timeout: float
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Send a request; returns status, headers and body of the answer.

        Raises `NotSent`, `Broken`, `BadAnswer` (too large, or not to be decoded), `Invalid` (what
        cannot be sent).
        """
        client = self._client
        try:
            waiting = httpx2.Timeout(timeout, pool=remaining(timeout))
            request = client.build_request(
                method, url, headers=headers, content=content or None, timeout=waiting
            )
            answer = client.send(request, stream=True)
            try:
                return answer.status_code, answer.headers, self._body(answer)
            finally:
                answer.close()
        except httpx2.LocalProtocolError as error:
            raise Invalid(f"{self.label}: the call cannot be sent: {error}") from None
        except _NOT_SENT as error:
            raise NotSent(self._translated(error, url)) from error
        except (httpx2.TransportError, httpcore2.TimeoutException, OSError) as error:
            raise Broken(self._translated(error, url)) from error
        except httpx2.DecodingError as error:
            raise BadAnswer(
                f"{self.label}: the answer of {url} cannot be decoded: {error}"
            ) from None
        except (httpx2.InvalidURL, UnicodeEncodeError, TypeError, ValueError) as error:
            raise Invalid(f"{self.label}: the call cannot be sent: {error}") from None

    def _body(self, answer: httpx2.Response) -> bytes:
        pieces = []
        size = 0
        for piece in answer.iter_bytes():
            size += len(piece)
            if size > self.largest:
                raise BadAnswer(
                    f"{self.label}: the answer of {answer.url} is larger than {self.largest} bytes"
                )
            pieces.append(piece)
        return b"".join(pieces)

    def _translated(self, error: Exception, url: str) -> HansaError:
        """Return one of our errors for one of the library's."""
        if isinstance(error, httpx2.PoolTimeout):
            return TimedOut(f"{self.label}: all {self.size} connections are busy")
        if isinstance(error, httpx2.TimeoutException | httpcore2.TimeoutException):
            return TimedOut(f"{self.label}: no answer from {url} in time")
        if isinstance(error, httpx2.RemoteProtocolError):
            return Unavailable(f"{self.label}: {url} broke off: {error}")
        return Unavailable(f"{self.label}: {url} cannot be reached: {error}")
