"""Answering one request on its connection: the head of a response (RFC 9112), and problems of
requests that never became one.

It rests on the inside of waitress 3.0, hence the pin `<4`; tests/test_connection.py guards every
place.
"""

from __future__ import annotations

import re
from functools import lru_cache
from wsgiref.types import WSGIEnvironment

from hansa import HansaError, Response, TooLarge, new_cid
from waitress.task import ErrorTask, Task, WSGITask
from waitress.utilities import build_http_date

from .client_certificate import CONNECTION
from .errors import problem_response
from .parser import error_of
from .tls_socket import TlsSocket

_UNREAD = frozenset((400, 408, 413, 431, 501, 505))
_SPELLED = {"etag": "ETag", "www-authenticate": "WWW-Authenticate", "x-hansa-cid": "X-Hansa-CID"}
_is_cid = re.compile(r"[A-Za-z0-9-]{1,64}").fullmatch


def _head_of(task: Task) -> bytes:
    """Return the head of a response, and decide what becomes of the connection.

    It is kept where the client wants it and can tell where the body ends: by its length, or because
    the status has none (RFC 9112, sections 6.3 and 9.3).
    """
    lines = [f"HTTP/{task.version} {task.status}"]
    has_length = False
    for name, value in task.response_headers:
        if name.lower() == "content-length":
            if not task.has_body:
                continue
            has_length = True
        lines.append(f"{_spelled(name)}: {value}")
    if task.has_body and not has_length:
        if task.content_length is not None:
            lines.append(f"Content-Length: {task.content_length}")
        else:
            task.close_on_finish = True
            if task.version == "1.1":
                lines.append("Transfer-Encoding: chunked")
                task.chunked_response = True
    if not task.close_on_finish:
        task.close_on_finish = _wants_close(task)
    if task.close_on_finish:
        lines.append("Connection: close")
    elif task.version == "1.0":
        lines.append("Connection: Keep-Alive")
    lines.append(f"Server: {task.channel.server.adj.ident}")
    lines.append(f"Date: {build_http_date(task.start_time)}")
    return "\r\n".join((*lines, "\r\n")).encode("latin-1")


@lru_cache(maxsize=1024)
def _spelled(name: str) -> str:
    """Return the name of a header as it is usually written; falcon has them all in lower case."""
    lower = name.lower()
    return _SPELLED.get(lower) or "-".join(part.capitalize() for part in lower.split("-"))


def _wants_close(task: Task) -> bool:
    """Whether the client closes the connection after this answer, or this worker has to."""
    if task.channel.server.gate.draining:
        return True
    options = task.request.headers.get("CONNECTION", "").lower()
    if not options:
        return bool(task.version == "1.0")
    found = [option.strip() for option in options.split(",")]
    if task.version == "1.0":
        return "close" in found or "keep-alive" not in found
    return "close" in found


class Answer(WSGITask):  # type: ignore[misc]
    """Answers a request; the head and the first piece of the body go out in one write.

    PERF: two writes wake the I/O thread between them, which then fights this one for the
    interpreter.
    """

    wrote_header: bool

    def get_environment(self) -> WSGIEnvironment:
        """Return the WSGI environment, with the certificates that a client presented over TLS."""
        environ: WSGIEnvironment = super().get_environment()
        connection = self.channel.socket
        if isinstance(connection, TlsSocket):
            certificates = connection.client_certificates
            if certificates:
                environ[CONNECTION] = certificates
        return environ

    def build_response_header(self) -> bytes:
        """Return the head of the answer."""
        return _head_of(self)

    def write(self, data: bytes) -> None:
        """Send a piece of the body, the first one with the head."""
        if self.wrote_header or not data or self.chunked_response:
            super().write(data)
            return
        if not self.complete:
            raise RuntimeError("start_response was not called before body written")
        head = self.build_response_header()  # may find that the body has to be chunked
        self.wrote_header = True
        if self.chunked_response or not self.has_body:
            self.channel.write_soon(head)
            super().write(data)
            return
        if self.content_length is not None:
            data = data[: self.content_length - self.content_bytes_written]
            self.content_bytes_written += len(data)
        self.channel.write_soon(head + data)


class Problem(ErrorTask):  # type: ignore[misc]
    """Answers a request that never became one, with problem details (RFC 9457) and a cid."""

    def build_response_header(self) -> bytes:
        """Return the head of the answer."""
        return _head_of(self)

    def execute(self) -> None:
        """Write the whole answer, after which the connection is closed."""
        error = error_of(self.request.error)
        response = self._response(error)
        self.status = f"{error.status} {error.title}"
        self.response_headers += [
            ("Content-Type", response.content_type),
            ("X-Hansa-CID", response.cid),
            *response.headers.items(),
        ]
        self.close_on_finish = True
        self.content_length = len(response.raw)
        if getattr(self.request, "command", "") == "HEAD":
            self.write(b"")
        else:
            self.channel.write_soon(self.build_response_header() + response.raw)
            self.wrote_header = True
        self.channel.linger = error.status in _UNREAD

    def _response(self, error: HansaError) -> Response:
        """Return the answer; that to a body over the limit is in the shape that errors of the
        channel have.
        """
        refuse = self.channel.server.refuse
        if error.status == TooLarge.status and refuse is not None:
            environ = WSGITask(self.channel, self.request).get_environment()
            response: Response = refuse(environ, error)
            return response
        cid = self.request.headers.get("X_HANSA_CID", "")
        return problem_response(error, cid if _is_cid(cid) else new_cid())
