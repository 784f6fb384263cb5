"""A service that runs inside a worker and measures what one request costs there: the worker's own
WSGI application, and bare falcon.

Deployed by the benchmark; no server, no socket and no other process is in what it measures.
"""

from __future__ import annotations

import io
import time
from typing import Annotated, Any

from hansa import Model, Service, setting


def nothing(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """An application that does nothing: what it costs is what the measuring costs."""
    environ["wsgi.input"].read()
    start_response("200 OK", [])
    return [b""]


class Measure(Service):
    """CPU time of a request."""

    applications: dict[str, Any] = {}

    class Input(Model):
        """What to measure."""

        which: Annotated[str, setting("hansa, falcon or nothing")]
        path: Annotated[str, setting("Path of the request")]
        body: Annotated[str, setting("Body of the request")]
        headers: Annotated[dict[str, str], setting("Headers, as WSGI names them")] = {}
        calls: Annotated[int, setting("How many requests", ge=1)] = 2000

    class Output(Model):
        """What was found."""

        microseconds: float
        status: str
        answer: str

    def application(self, which: str) -> Any:
        """The application, made once."""
        if which not in self.applications:
            if which == "hansa":
                from hansa_http.app import create_app
                from hansa_http.frontend import HttpFrontend

                self.applications[which] = create_app(self.server.resource(HttpFrontend).handler)
            elif which == "falcon":
                from bench.peers import falcon_app

                self.applications[which] = falcon_app()
            else:
                self.applications[which] = nothing
        return self.applications[which]

    def handle(self) -> Output:
        """Call it so many times."""
        asked = self.request.input
        app, body, seen = self.application(asked.which), asked.body.encode(), [""]
        base = {
            "REQUEST_METHOD": "POST",
            "SCRIPT_NAME": "",
            "PATH_INFO": asked.path,
            "QUERY_STRING": "",
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "REMOTE_HOST": "127.0.0.1",
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "HTTP_HOST": "127.0.0.1",
            "HTTP_USER_AGENT": "bench",
            **asked.headers,
        }

        def start_response(status: str, headers: list[tuple[str, str]], error: Any = None) -> None:
            seen[0] = status

        answer = b""
        began = time.thread_time()
        for _ in range(asked.calls):
            answer = b"".join(app({**base, "wsgi.input": io.BytesIO(body)}, start_response))
        took = time.thread_time() - began
        return self.Output(
            microseconds=took / asked.calls * 1e6, status=seen[0], answer=answer.decode()
        )
