"""The admin API at the address of the web admin: requests go on as they are to the cluster, and
answers come back as they are.
"""

from __future__ import annotations

from urllib.parse import quote

import falcon

from .api import ClusterApi, Unanswered
from .web import Web

PASSED_ON = (
    "Accept",
    "Accept-Encoding",
    "Authorization",
    "Content-Encoding",
    "Content-Type",
    "If-Match",
    "If-None-Match",
    "Origin",
    "Sec-Fetch-Site",
    "User-Agent",
    "X-Hansa-CID",
)
"""Headers of a request that the API may need."""
OWN = {"connection", "content-length", "date", "server", "set-cookie", "transfer-encoding"}
"""Headers of an answer that are about the connection, or that this process writes itself; the API
sets no cookies, and a cookie would be the web admin's.
"""


class Relay:
    """Passes requests at `/hansa/api/` on to the first cluster."""

    def __init__(self, web: Web) -> None:
        self._web = web

    def __call__(self, req: falcon.Request, resp: falcon.Response, **parts: object) -> None:
        """Pass a request on; one of another origin is refused by the API itself, which knows the
        host by `Host`.
        """
        headers = {name: req.get_header(name) for name in PASSED_ON}
        given = {name: value for name, value in headers.items() if value is not None}
        given.setdefault("Accept-Encoding", "identity")
        given["Host"] = req.get_header("Host") or "localhost"
        # servers that have this process among their trusted proxies know by it who calls
        given["X-Forwarded-For"] = req.remote_addr
        path = _path_of(req)
        try:
            answer = self._api().relay(req.method, path, given, req.bounded_stream.read())
        except Unanswered as error:
            resp.status = 503
            resp.content_type = "application/problem+json"
            resp.media = {"status": 503, **error.problem}
            return
        resp.context["is_relayed"] = True
        resp.status = answer.status
        resp.data = answer.body
        for name, value in answer.headers:
            if name.lower() not in OWN:
                resp.append_header(name, value)

    def _api(self) -> ClusterApi:
        return next(iter(self._web.clusters.values()))


def _path_of(request: falcon.Request) -> str:
    """Return path and query of a request as they are sent on; raises `falcon.HTTPNotFound` for a
    path that leads out of the API (RFC 3986, 5.2.4).
    """
    # the path is decoded: `..%2f` is `../` here, and `%3f` a question mark
    if not {".", ".."}.isdisjoint(request.path.split("/")):
        raise falcon.HTTPNotFound
    path = quote(request.path)
    return f"{path}?{request.query_string}" if request.query_string else path
