"""The admin API at the address of the web admin: requests go on as they are to the cluster, and
answers come back as they are.
"""

from __future__ import annotations

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
OWN = {"connection", "content-length", "date", "server", "transfer-encoding"}
"""Headers of an answer that are about the connection, or that this process writes itself."""


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
        path = req.path
        if req.query_string:
            path += f"?{req.query_string}"
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
